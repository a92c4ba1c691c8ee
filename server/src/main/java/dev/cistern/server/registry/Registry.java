package dev.cistern.server.registry;

import dev.cistern.auth.access.Outcome.Caller;
import dev.cistern.auth.access.Verb;
import dev.cistern.mirror.Mirror;
import dev.cistern.mirror.rules.Location;
import dev.cistern.oci.Digest;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import dev.cistern.oci.Reference;
import dev.cistern.oci.RepositoryName;
import dev.cistern.server.access.Gate;
import dev.cistern.server.http.Reply;
import dev.cistern.server.http.Request;
import dev.cistern.server.streams.StreamPushes;
import dev.cistern.storage.Store;
import dev.cistern.storage.Upload;
import java.io.IOException;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The registry API {@code /v2/}. It routes each request to its endpoint. */
public final class Registry {
  private static final Set<String> SESSION_METHODS = Set.of("GET", "PATCH", "PUT", "DELETE");

  private final HotContent hot;
  private final Mirror mirror;
  private final Gate gate;
  private final BlobEndpoint blobs;
  private final UploadEndpoint uploads;
  private final ManifestEndpoint manifests;
  private final ListEndpoint lists;

  /**
   * @param running the clock for the lifetime of cached responses; see {@link
   *     dev.cistern.base.MonotonicClock}
   * @param knownAs the name by which clients know this registry; empty for the name that each
   *     client uses
   */
  public Registry(
      Store store,
      Mirror mirror,
      StreamPushes streams,
      Gate gate,
      Optional<String> knownAs,
      InstantSource running) {
    this.mirror = mirror;
    this.gate = gate;
    this.hot = new HotContent(store.repositories(), running);
    store.blobs().addIdleHolder(hot::letGo);
    this.blobs = new BlobEndpoint(store, mirror, hot);
    this.uploads = new UploadEndpoint(store);
    this.manifests =
        new ManifestEndpoint(store.repositories(), mirror, streams, knownAs, hot, running);
    this.lists = new ListEndpoint(store.repositories(), mirror);
  }

  /** Returns the response if it is cached in memory, or null. Does not block. */
  public @Nullable Reply atHand(Request request) {
    if (!request.isGetOrHead()) {
      return null;
    }
    try {
      Caller caller = gate.known(request);
      if (caller == null) {
        return null;
      }
      Reply reply = hot.reply(request, entry -> mayHave(caller, entry));
      return reply == null ? null : versioned(reply);
    } catch (OciException e) {
      return versioned(Errors.reply(e));
    }
  }

  private boolean mayHave(Caller caller, HotContent.Entry entry) {
    return gate.allows(caller, Verb.PULL, entry.repository())
        && entry.copies().stream()
            .allMatch(copy -> gate.allows(caller, Verb.PULL, copy.repository()));
  }

  /** Returns the response. May block. */
  public Reply answer(Request request) throws IOException {
    return versioned(route(request));
  }

  public void close() {
    hot.close();
  }

  private Reply route(Request request) throws IOException {
    Route route = Route.parse(request.path());
    String method = request.isHead() ? "GET" : request.method();
    Caller caller = gate.caller(request);
    return switch (route) {
      case Route.Ping ping ->
          switch (method) {
            case "GET" -> {
              gate.requireCredentials(request, "");
              yield Reply.status(200).body("application/json", "{}");
            }
            default -> notAllowed(request, "GET, HEAD");
          };
      case Route.Catalog catalog ->
          switch (method) {
            case "GET" -> {
              gate.requireCredentials(request, "registry:catalog:*");
              yield lists.catalog(request, name -> gate.shows(caller, name));
            }
            default -> notAllowed(request, "GET, HEAD");
          };
      case Route.Tags(RepositoryName name) -> {
        request.about(name.path(), "tags");
        yield switch (method) {
          case "GET" -> lists.tags(name, pull(name, request, caller), request);
          default -> notAllowed(request, "GET, HEAD");
        };
      }
      case Route.Referrers(RepositoryName name, Digest subject) -> {
        request.about(name.path(), subject.toString());
        yield switch (method) {
          case "GET" -> lists.referrers(pull(name, request, caller), subject, request);
          default -> notAllowed(request, "GET, HEAD");
        };
      }
      case Route.Blob(RepositoryName name, Digest digest) -> {
        request.about(name.path(), digest.toString());
        yield switch (method) {
          case "GET" -> blobs.get(pull(name, request, caller), digest, request);
          case "DELETE" -> blobs.delete(change(Verb.DELETE, name, request, caller), digest);
          default -> notAllowed(request, "GET, HEAD, DELETE");
        };
      }
      case Route.Manifest(RepositoryName name, Reference reference) -> {
        request.about(name.path(), reference.toString());
        yield switch (method) {
          case "GET" -> manifests.get(pull(name, request, caller), reference, request);
          case "PUT" -> {
            RepositoryName repository = change(Verb.CREATE, name, request, caller);
            boolean mayOverwrite = gate.allows(caller, Verb.OVERWRITE, repository);
            yield manifests.put(repository, reference, mayOverwrite, request);
          }
          case "DELETE" -> manifests.delete(change(Verb.DELETE, name, request, caller), reference);
          default -> notAllowed(request, "GET, HEAD, PUT, DELETE");
        };
      }
      case Route.Uploads(RepositoryName name) -> {
        request.about(name.path(), "uploads");
        yield switch (method) {
          case "POST" ->
              uploads.start(
                  change(Verb.CREATE, name, request, caller),
                  caller.principal(),
                  source(request, caller),
                  request);
          default -> notAllowed(request, "POST");
        };
      }
      case Route.UploadSession(RepositoryName name, String id) -> {
        request.about(name.path(), id);
        if (!SESSION_METHODS.contains(method)) {
          yield notAllowed(request, "GET, HEAD, PATCH, PUT, DELETE");
        }
        RepositoryName repository = change(Verb.CREATE, name, request, caller);
        Upload upload = uploads.find(repository, caller.principal(), id);
        yield switch (method) {
          case "GET" -> UploadEndpoint.status(upload);
          case "PATCH" -> UploadEndpoint.append(upload, request);
          case "PUT" -> UploadEndpoint.finish(upload, request);
          default -> UploadEndpoint.cancel(upload);
        };
      }
    };
  }

  /** Returns the location that the name in a pull resolves to, if the caller may pull from it. */
  private Location pull(RepositoryName name, Request request, Caller caller) {
    List<String> via = request.headers("Via");
    Location location =
        mirror.locate(
            name,
            request.query().first("ns"),
            via.isEmpty() ? Optional.empty() : Optional.of(String.join(", ", via)));
    gate.require(request, caller, Verb.PULL, location.repository());
    return location.withCopies(copy -> gate.allows(caller, Verb.PULL, copy.repository()));
  }

  /**
   * Returns the repository that stores what clients push to a name, if the caller may change it.
   */
  private RepositoryName change(Verb verb, RepositoryName name, Request request, Caller caller) {
    RepositoryName repository = mirror.repository(name);
    gate.require(request, caller, verb, repository);
    return repository;
  }

  /**
   * Returns the repositories that a blob may be mounted from: those that the caller may pull. A
   * mount replaces a pull and a push of the same blob.
   */
  private UploadEndpoint.Source source(Request request, Caller caller) {
    Optional<RepositoryName> from =
        request.query().first("from").map(RepositoryName::new).map(mirror::repository);
    if (from.isEmpty()) {
      return gate.allowsEverywhere(caller, Verb.PULL)
          ? new UploadEndpoint.Source.Anywhere()
          : new UploadEndpoint.Source.Nowhere();
    }
    return gate.allows(caller, Verb.PULL, from.get())
        ? new UploadEndpoint.Source.Repository(from.get())
        : new UploadEndpoint.Source.Nowhere();
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
