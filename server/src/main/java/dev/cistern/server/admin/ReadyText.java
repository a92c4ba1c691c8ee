package dev.cistern.server.admin;

import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The response texts of {@code /readyz}. */
final class ReadyText {
  private ReadyText() {}

  /**
   * Returns {@code ok} or the degradation in one line, or one line with the reason per failed
   * check.
   */
  static String brief(Readiness.State state) {
    if (state.isReady()) {
      return state.degraded().map(what -> "degraded: " + what).orElse("ok") + "\n";
    }
    var text = new StringBuilder();
    for (Readiness.Check check : state.checks()) {
      check.reason().ifPresent(reason -> text.append(check.name() + " failed: " + reason + "\n"));
    }
    return text.toString();
  }

  /** Returns one line per check, in the format of Kubernetes, and the overall result. */
  static String verbose(Readiness.State state) {
    var text = new StringBuilder();
    for (Readiness.Check check : state.checks()) {
      text.append(
          check.isOk()
              ? "[+]" + check.name() + " ok\n"
              : "[-]" + check.name() + " failed: " + check.reason().orElse("") + "\n");
    }
    state.degraded().ifPresent(what -> text.append("degraded: " + what + "\n"));
    return text + "readyz check " + (state.isReady() ? "passed" : "failed") + "\n";
  }

  /** Returns the same as JSON. */
  static String json(Readiness.State state) {
    ObjectNode json = JsonMapper.shared().createObjectNode();
    json.put("ready", state.isReady());
    state.degraded().ifPresent(what -> json.put("degraded", what));
    ArrayNode checks = json.putArray("checks");
    for (Readiness.Check check : state.checks()) {
      ObjectNode each = checks.addObject().put("name", check.name()).put("ok", check.isOk());
      check.reason().ifPresent(reason -> each.put("reason", reason));
    }
    return json + "\n";
  }
}
