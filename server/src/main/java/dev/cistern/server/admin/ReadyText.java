package dev.cistern.server.admin;

import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The replies of {@code /readyz}. */
final class ReadyText {
  private ReadyText() {}

  /** Returns one line: {@code ok}, what is degraded, or which check failed and why. */
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

  /** Returns a line for each check, as Kubernetes has them, and the verdict. */
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

  /** Returns the same with types. */
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
