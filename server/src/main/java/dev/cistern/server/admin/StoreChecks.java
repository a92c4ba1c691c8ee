package dev.cistern.server.admin;

import dev.cistern.mirror.Mirror;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import dev.cistern.server.http.Reply;
import dev.cistern.server.http.Request;
import dev.cistern.storage.Finding;
import dev.cistern.storage.Store;
import dev.cistern.storage.StoreCheck;
import java.io.Closeable;
import java.io.IOException;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The command {@code /admin/v1/fsck}: checks of the store while the server is running, one at a
 * time. The last check can be queried until the server stops.
 */
public final class StoreChecks implements Closeable {
  private static final Set<String> KEYS = Set.of("digests", "repair", "rate", "emptyQuarantine");
  private static final long MAX_RATE = 1L << 40;
  private static final int MAX_FINDINGS_PER_REPLY = 500;

  private final Store store;
  private final Mirror mirror;
  private @Nullable RunningCheck last;
  private long lastId;
  private boolean isClosed;

  public StoreChecks(Store store, Mirror mirror) {
    this.store = store;
    this.mirror = mirror;
  }

  /** Starts a check, unless one is running. */
  Reply start(Request request) throws IOException {
    JsonNode body = Json.body(request, KEYS);
    boolean isRepair = flag(body, "repair");
    var order = new StoreCheck.Order(flag(body, "digests"), rate(body), isRepair);
    boolean empties = flag(body, "emptyQuarantine");
    RunningCheck check = begin(order, empties);
    request.did(
        (empties ? "emptied the quarantine, " : "")
            + (isRepair ? "checks the store and repairs it" : "checks the store"));
    return Json.reply(202, json(check, 0));
  }

  private synchronized RunningCheck begin(StoreCheck.Order order, boolean empties)
      throws IOException {
    if (isClosed) {
      throw new OciException(ErrorCode.UNKNOWN, "the server is stopping").withStatus(503);
    }
    if (last != null && last.state() == RunningCheck.State.RUNNING) {
      throw new OciException(
              ErrorCode.DENIED,
              "a check is running: " + last.id(),
              "follow it: GET /admin/v1/fsck?id=" + last.id())
          .withStatus(409);
    }
    if (empties) {
      store.emptyQuarantine();
    }
    last = new RunningCheck(++lastId, store, order, mirror::refetch);
    last.start();
    return last;
  }

  /** Returns the progress of a check, and its findings from a given index on. */
  Reply progress(Request request) {
    RunningCheck check =
        request
            .query()
            .first("id")
            .flatMap(this::find)
            .orElseThrow(() ->
                new OciException(
                        ErrorCode.UNKNOWN,
                        "there is no such check",
                        "POST /admin/v1/fsck answers with its id; the last one is known until the"
                            + " server stops")
                    .withStatus(404));
    String from = request.query().first("from").orElse("0");
    if (!from.matches("\\d{1,9}")) {
      throw Json.wrong("from: a number is expected");
    }
    return Json.reply(200, json(check, Integer.parseInt(from)));
  }

  private synchronized Optional<RunningCheck> find(String id) {
    return Optional.ofNullable(last).filter(check -> id.equals(Long.toString(check.id())));
  }

  private static ObjectNode json(RunningCheck check, int from) {
    RunningCheck.Snapshot snapshot = check.snapshot(from, MAX_FINDINGS_PER_REPLY);
    ObjectNode json = Json.object();
    json.put("id", Long.toString(check.id()));
    json.put("state", snapshot.state().word());
    json.put("checked", snapshot.progress().things());
    json.put("bytes", snapshot.progress().bytes());
    json.put("found", snapshot.found());
    json.put("left", snapshot.left());
    json.put("dropped", snapshot.dropped());
    snapshot.failure().ifPresent(failure -> json.put("failure", failure));
    ArrayNode findings = json.putArray("findings");
    snapshot.findings().forEach(finding -> findings.add(json(finding)));
    return json;
  }

  /** Returns a finding as JSON, as reports contain it. */
  public static ObjectNode json(Finding finding) {
    ObjectNode json = Json.object();
    json.put("kind", finding.kind().word());
    json.put("subject", finding.subject());
    finding.digest().ifPresent(digest -> json.put("digest", digest.toString()));
    finding.origin().ifPresent(origin -> json.put("origin", origin.word()));
    ArrayNode repositories = json.putArray("repositories");
    finding.repositories().forEach(name -> repositories.add(name.path()));
    if (finding.moreRepositories() > 0) {
      json.put("moreRepositories", finding.moreRepositories());
    }
    json.put("detail", finding.detail());
    json.put("repaired", finding.isRepaired());
    if (!finding.advice().isEmpty()) {
      json.put("advice", finding.advice());
    }
    return json;
  }

  private static boolean flag(JsonNode body, String key) {
    JsonNode value = body.path(key);
    if (!value.isMissingNode() && !value.isBoolean()) {
      throw Json.wrong(key + ": true or false is expected");
    }
    return value.asBoolean(false);
  }

  private static OptionalLong rate(JsonNode body) {
    JsonNode value = body.path("rate");
    if (value.isMissingNode()) {
      return OptionalLong.empty();
    }
    if (!value.isIntegralNumber() || value.longValue() < 1 || value.longValue() > MAX_RATE) {
      throw Json.wrong("rate: a number of bytes a second from 1 to " + MAX_RATE + " is expected");
    }
    return OptionalLong.of(value.longValue());
  }

  @Override
  public synchronized void close() {
    isClosed = true;
    if (last != null) {
      last.close();
    }
  }
}
