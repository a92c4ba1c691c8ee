package dev.cistern.server.admin;

import dev.cistern.mirror.Mirror;
import dev.cistern.oci.RepositoryName;
import dev.cistern.server.http.Reply;
import dev.cistern.server.http.Request;
import dev.cistern.storage.Store;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** {@code /healthz}, {@code /readyz} and {@code /metrics}, by GET. */
public final class Admin {
  private static final String TEXT = "text/plain; charset=utf-8";
  private static final String PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";
  private static final String HEALTH = "/healthz";
  private static final String READY = "/readyz";
  private static final String METRICS = "/metrics";
  private static final List<String> PATHS = List.of(HEALTH, READY, METRICS);
  private static final RepositoryName ANY = new RepositoryName("cistern");

  private final Traffic traffic;
  private final Store store;
  private final Mirror mirror;
  private @Nullable Metrics metrics;

  public Admin(Traffic traffic, Store store, Mirror mirror) {
    this.traffic = traffic;
    this.store = store;
    this.mirror = mirror;
  }

  /** Returns the reply; 404 for a path that is none of ours. */
  public Reply answer(Request request) {
    boolean isOurs = PATHS.contains(request.path());
    if (isOurs && !request.isGetOrHead()) {
      return Reply.status(405).header("Allow", "GET, HEAD").body(TEXT, "only GET and HEAD\n");
    }
    return switch (request.path()) {
      case HEALTH -> Reply.status(200).body(TEXT, "ok\n");
      case READY -> ready();
      case METRICS -> Reply.status(200).body(PROMETHEUS, metrics().text());
      default ->
          Reply.status(404)
              .body(TEXT, "nothing here; the registry is at /v2/, then there are " + PATHS + "\n");
    };
  }

  /** Ready is who can read the index; no upstream is asked. */
  private Reply ready() {
    store.repositories().exists(ANY);
    return Reply.status(200).body(TEXT, "ok\n");
  }

  private synchronized Metrics metrics() {
    if (metrics == null) {
      metrics = new Metrics(traffic, mirror);
    }
    return metrics;
  }
}
