package dev.cistern.server.registry;

import dev.cistern.mirror.Mirror;
import dev.cistern.mirror.rules.Location;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import dev.cistern.oci.RepositoryName;
import dev.cistern.server.http.Reply;
import dev.cistern.server.http.Request;
import dev.cistern.storage.Store;
import java.io.IOException;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** {@code /v2/}: from a request to the endpoint that answers it. */
public final class Registry {
  private final HotContent hot;
  private final BlobEndpoint blobs;
  private final UploadEndpoint uploads;
  private final ManifestEndpoint manifests;
  private final ListEndpoint lists;

  public Registry(Store store, Mirror mirror, InstantSource clock) {
    this.hot = new HotContent(store.repositories(), clock);
    store.blobs().addIdleHolder(hot::letGo);
    this.blobs = new BlobEndpoint(store, mirror, hot);
    this.uploads = new UploadEndpoint(store, mirror);
    this.manifests = new ManifestEndpoint(store.repositories(), mirror, hot, clock);
    this.lists = new ListEndpoint(store.repositories(), mirror);
  }

  /** Returns the reply if it is at hand in memory, or null. Does not block. */
  public @Nullable Reply atHand(Request request) {
    if (!request.isGetOrHead()) {
      return null;
    }
    try {
      Reply reply = hot.reply(request);
      return reply == null ? null : versioned(reply);
    } catch (OciException e) {
      return versioned(Errors.reply(e));
    }
  }

  /** Returns the reply; may block. */
  public Reply answer(Request request) throws IOException {
    return versioned(route(request));
  }

  public void close() {
    hot.close();
  }

  private Reply route(Request request) throws IOException {
    Route route = Route.parse(request.path());
    String method = request.isHead() ? "GET" : request.method();
    return switch (route) {
      case Route.Ping ping ->
          switch (method) {
            case "GET" -> Reply.status(200).body("application/json", "{}");
            default -> notAllowed(request, "GET, HEAD");
          };
      case Route.Catalog catalog ->
          switch (method) {
            case "GET" -> lists.catalog(request);
            default -> notAllowed(request, "GET, HEAD");
          };
      case Route.Tags tags -> {
        request.about(tags.repository().path(), "tags");
        yield switch (method) {
          case "GET" -> lists.tags(tags, request);
          default -> notAllowed(request, "GET, HEAD");
        };
      }
      case Route.Referrers referrers -> {
        request.about(referrers.repository().path(), referrers.subject().toString());
        yield switch (method) {
          case "GET" -> lists.referrers(referrers, request);
          default -> notAllowed(request, "GET, HEAD");
        };
      }
      case Route.Blob blob -> {
        request.about(blob.repository().path(), blob.digest().toString());
        yield switch (method) {
          case "GET" -> blobs.get(blob, request);
          case "DELETE" -> blobs.delete(blob);
          default -> notAllowed(request, "GET, HEAD, DELETE");
        };
      }
      case Route.Manifest manifest -> {
        request.about(manifest.repository().path(), manifest.reference().toString());
        yield switch (method) {
          case "GET" -> manifests.get(manifest, request);
          case "PUT" -> manifests.put(manifest, request);
          case "DELETE" -> manifests.delete(manifest);
          default -> notAllowed(request, "GET, HEAD, PUT, DELETE");
        };
      }
      case Route.Uploads start -> {
        request.about(start.repository().path(), "uploads");
        yield switch (method) {
          case "POST" -> uploads.start(start, request);
          default -> notAllowed(request, "POST");
        };
      }
      case Route.UploadSession session -> {
        request.about(session.repository().path(), session.id());
        yield switch (method) {
          case "GET" -> uploads.status(session);
          case "PATCH" -> uploads.append(session, request);
          case "PUT" -> uploads.finish(session, request);
          case "DELETE" -> uploads.cancel(session);
          default -> notAllowed(request, "GET, HEAD, PATCH, PUT, DELETE");
        };
      }
    };
  }

  /** Returns what the name in a pull means. */
  static Location location(Mirror mirror, RepositoryName name, Request request) {
    List<String> via = request.headers("Via");
    return mirror.locate(
        name,
        request.query().first("ns"),
        via.isEmpty() ? Optional.empty() : Optional.of(String.join(", ", via)));
  }

  private static Reply notAllowed(Request request, String allowed) {
    return Errors.reply(
            new OciException(
                ErrorCode.UNSUPPORTED, request.method() + " is not for this endpoint", allowed))
        .header("Allow", allowed);
  }

  private static Reply versioned(Reply reply) {
    return reply.header("Docker-Distribution-Api-Version", "registry/2.0");
  }
}
