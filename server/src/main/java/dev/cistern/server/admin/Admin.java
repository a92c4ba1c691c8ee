package dev.cistern.server.admin;

import dev.cistern.auth.access.Verb;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import dev.cistern.server.access.Gate;
import dev.cistern.server.http.Reply;
import dev.cistern.server.http.Request;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The endpoints for operators. {@code /healthz} and {@code /readyz} require no credentials, {@code
 * /metrics} requires the right to read everything, and {@code /admin/...} an administrator. While
 * authentication is disabled, {@code /admin/...} is open to loopback clients.
 */
public final class Admin {
  private static final String TEXT = "text/plain; charset=utf-8";
  private static final String PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";
  public static final String HEALTH = "/healthz";
  public static final String READY = "/readyz";
  public static final String METRICS = "/metrics";

  /** The beginning of the paths of admin commands. */
  public static final String ORDERS = "/admin/";

  private static final List<String> PATHS = List.of(HEALTH, READY, METRICS);
  private static final Map<String, Set<String>> PARAMETERS =
      Map.of(
          "add-role", Set.of("namespace"),
          "remove-role", Set.of("namespace"),
          "token", Set.of("namespace"),
          "who-can", Set.of("namespace", "verb", "resource"),
          "why", Set.of("ref"),
          "preheat", Set.of("id"),
          "v1/fsck", Set.of("id", "from"));
  private static final Duration MAX_STILL = Duration.ofSeconds(60);

  private final AdminParts parts;
  private final Gate gate;
  private final Questions questions;
  private final AccessOrders access;
  private final PruneOrders prunes;
  private final StoreChecks checks;
  private final Readiness readiness;
  private @Nullable Metrics metrics;

  public Admin(AdminParts parts) {
    this.parts = parts;
    this.gate = parts.gate();
    this.readiness = new Readiness(parts.store(), System::nanoTime);
    this.questions = new Questions(parts.mirror(), parts.store().repositories());
    this.access = new AccessOrders(gate, parts.bindings(), parts.clock());
    this.prunes = new PruneOrders(parts.pruner(), parts.store());
    this.checks = parts.checks();
  }

  /** Returns the response; 404 for an unknown path. */
  public Reply answer(Request request) throws IOException {
    if (request.path().startsWith(ORDERS)) {
      gate.requireNoPage(request);
      return order(request);
    }
    boolean isOurs = PATHS.contains(request.path());
    if (isOurs && !request.isGetOrHead()) {
      return Reply.status(405).header("Allow", "GET, HEAD").body(TEXT, "only GET and HEAD\n");
    }
    return switch (request.path()) {
      case HEALTH -> healthy();
      case READY -> ready(request);
      case METRICS -> {
        requireEverywhere(request, Verb.READ);
        yield Reply.status(200).body(PROMETHEUS, metrics().text());
      }
      default ->
          Reply.status(404)
              .body(TEXT, "nothing here; the registry is at /v2/, then there are " + PATHS + "\n");
    };
  }

  private Reply order(Request request) throws IOException {
    Json.requireKnown(
        "query parameter",
        request.query().names(),
        PARAMETERS.getOrDefault(request.path().substring(ORDERS.length()), Set.of()));
    return switch (request.method() + " " + request.path().substring(ORDERS.length())) {
      case "POST add-role" -> access.addRole(request);
      case "POST remove-role" -> access.removeRole(request);
      case "POST token" -> access.token(request);
      case String words when words.startsWith("DELETE blobs/") -> {
        requireEverywhere(request, Verb.DELETE);
        yield prunes.deleteBlob(request, words.substring("DELETE blobs/".length()));
      }
      case "GET who-can" -> access.whoCan(request);
      default -> {
        requireEverywhere(request, Verb.ADMINISTER);
        yield question(request);
      }
    };
  }

  private void requireEverywhere(Request request, Verb verb) {
    if (!gate.isOpen()) {
      gate.requireEverywhere(request, verb);
    }
  }

  private Reply question(Request request) throws IOException {
    return switch (request.method() + " " + request.path().substring(ORDERS.length())) {
      case "GET why" -> questions.why(request);
      case "POST refresh" -> questions.refresh(request);
      case "POST pin" -> questions.pin(request);
      case "POST unpin" -> questions.unpin(request);
      case "POST purge" -> questions.purge(request);
      case "POST preheat" -> questions.preheat(request);
      case "GET preheat" -> questions.preheated(request);
      case "POST prune" -> prunes.prune(request);
      case "POST v1/fsck" -> checks.start(request);
      case "GET v1/fsck" -> checks.progress(request);
      default ->
          throw new OciException(
                  ErrorCode.UNSUPPORTED,
                  "no such question: " + request.method() + " " + request.path(),
                  "GET /admin/why?ref=REF, /admin/preheat?id=ID, /admin/v1/fsck?id=ID,"
                      + " /admin/who-can?verb=VERB&resource=RESOURCE; DELETE /admin/blobs/DIGEST;"
                      + " POST /admin/refresh,"
                      + " /admin/preheat, /admin/pin, /admin/unpin, /admin/purge, /admin/prune, /admin/add-role,"
                      + " /admin/remove-role, /admin/token, /admin/v1/fsck")
              .withStatus(404);
    };
  }

  /**
   * Returns 200, or 503 if the index writer or an event loop has made no progress for more than 60
   * s. A server that fails this check should be restarted.
   */
  private Reply healthy() {
    if (parts.store().indexHealth().busyFor().compareTo(MAX_STILL) > 0) {
      return Reply.status(503).body(TEXT, "the index writer has not moved for 60 s\n");
    }
    if (parts.pulse().oldest().compareTo(MAX_STILL) > 0) {
      return Reply.status(503).body(TEXT, "an event loop has not moved for 60 s\n");
    }
    return Reply.status(200).body(TEXT, "ok\n");
  }

  private Reply ready(Request request) {
    if (parts.drain().isDraining()) {
      return Reply.status(503).body(TEXT, "draining\n");
    }
    Readiness.State state = readiness.state();
    int status = state.isReady() ? 200 : 503;
    return request.header("Accept").orElse("").contains("application/json")
        ? Reply.status(status).body("application/json", ReadyText.json(state))
        : Reply.status(status)
            .body(
                TEXT,
                request.query().first("verbose").isPresent()
                    ? ReadyText.verbose(state)
                    : ReadyText.brief(state));
  }

  private synchronized Metrics metrics() {
    if (metrics == null) {
      metrics = new Metrics(parts, readiness);
    }
    return metrics;
  }
}
