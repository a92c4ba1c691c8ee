package dev.cistern.server.admin;

import dev.cistern.oci.Digest;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import dev.cistern.server.http.Reply;
import dev.cistern.server.http.Request;
import dev.cistern.server.streams.PruneSettings;
import dev.cistern.server.streams.Pruner;
import dev.cistern.storage.Store;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The commands {@code /admin/prune}, which prunes image streams and images, and {@code
 * /admin/blobs/DIGEST}, with which OpenShift's own pruner removes content, as in OpenShift's
 * registry.
 */
final class PruneOrders {
  private static final Set<String> KEYS =
      Set.of("confirm", "keepYoungerThanSeconds", "keepTagRevisions", "namespace");
  private static final int MOST_REVISIONS = 1_000_000;
  private static final long LONGEST_SECONDS = Duration.ofDays(36_500).toSeconds();

  private final Pruner pruner;
  private final Store store;

  PruneOrders(Pruner pruner, Store store) {
    this.pruner = pruner;
    this.store = store;
  }

  /**
   * Prunes, or determines in a dry run what pruning would remove. The response lists all removals.
   */
  Reply prune(Request request) throws IOException {
    JsonNode body = Json.body(request, KEYS);
    boolean isTrial = !body.path("confirm").asBoolean(false);
    PruneSettings usual = pruner.usual();
    var settings =
        new PruneSettings(
            Duration.ofSeconds(
                number(
                    body,
                    "keepYoungerThanSeconds",
                    usual.keepYoungerThan().toSeconds(),
                    LONGEST_SECONDS)),
            (int) number(body, "keepTagRevisions", usual.keepTagRevisions(), MOST_REVISIONS),
            body.has("namespace")
                ? Optional.of(Json.text(body, "namespace", "the name of a namespace"))
                : Optional.empty());
    ObjectNode json = Json.object();
    ArrayNode done = json.putArray("done");
    Pruner.Summary summary = pruner.run(settings, isTrial, report(done));
    json.putObject("summary")
        .put("images", summary.images())
        .put("items", summary.items())
        .put("links", summary.links())
        .put("blobs", summary.blobs())
        .put("bytes", summary.bytes());
    if (!isTrial) {
      request.did(
          "pruned %d images, %d items, %d blobs, %d bytes"
              .formatted(summary.images(), summary.items(), summary.blobs(), summary.bytes()));
    }
    return Json.reply(200, json);
  }

  private static Pruner.Report report(ArrayNode done) {
    return new Pruner.Report() {
      @Override
      public void items(String namespace, String name, int count) {
        done.addObject()
            .put("kind", "items")
            .put("stream", namespace + "/" + name)
            .put("count", count);
      }

      @Override
      public void blob(String digest, long bytes) {
        done.addObject().put("kind", "blob").put("digest", digest).put("bytes", bytes);
      }

      @Override
      public void image(String digest, long bytes) {
        done.addObject().put("kind", "image").put("digest", digest).put("bytes", bytes);
      }

      @Override
      public void manifest(String repository, String digest) {
        done.addObject()
            .put("kind", "manifest")
            .put("repository", repository)
            .put("digest", digest);
      }
    };
  }

  private static long number(JsonNode body, String key, long usual, long most) {
    JsonNode value = body.path(key);
    if (value.isMissingNode()) {
      return usual;
    }
    if (!value.isIntegralNumber() || value.longValue() < 0 || value.longValue() > most) {
      throw Json.wrong(key + ": a number from 0 to " + most + " is expected");
    }
    return value.longValue();
  }

  /** Deletes a blob that no repository links and no manifest references. */
  Reply deleteBlob(Request request, String text) throws IOException {
    Digest digest = Digest.parse(text);
    if (store.blobs().size(digest).isEmpty()) {
      throw new OciException(ErrorCode.BLOB_UNKNOWN, "there is no blob " + digest);
    }
    if (!store.discard(digest)) {
      throw new OciException(
              ErrorCode.DENIED,
              "something here still needs " + digest,
              "a repository reaches it, or a manifest names it; it goes with the last of them")
          .withStatus(409);
    }
    request.did("deleted blob " + digest);
    return Reply.status(204);
  }
}
