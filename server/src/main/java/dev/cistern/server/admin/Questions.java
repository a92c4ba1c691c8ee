package dev.cistern.server.admin;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import dev.cistern.mirror.ManifestAnswer;
import dev.cistern.mirror.Mirror;
import dev.cistern.mirror.Preheat;
import dev.cistern.mirror.Why;
import dev.cistern.mirror.rules.Location;
import dev.cistern.oci.Digest;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.ImageReference;
import dev.cistern.oci.OciException;
import dev.cistern.oci.Platform;
import dev.cistern.oci.Reference;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import dev.cistern.server.http.Reply;
import dev.cistern.server.http.Request;
import dev.cistern.storage.Purge;
import dev.cistern.storage.Repositories;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Admin commands about images, below {@code /admin/...}. Queries are GET requests with {@code
 * ?ref=REF} or {@code ?id=ID}, changes are POST requests with a JSON body. Responses are JSON.
 */
final class Questions {
  private static final int MOST_PREHEATS = 100;

  private final Mirror mirror;
  private final Repositories repositories;
  private final AtomicLong lastId = new AtomicLong();
  private final Cache<Long, Preheat> preheats =
      Caffeine.newBuilder().maximumSize(MOST_PREHEATS).build();

  Questions(Mirror mirror, Repositories repositories) {
    this.mirror = mirror;
    this.repositories = repositories;
  }

  /** Returns the pull sources of an image and the state of its stored copy. */
  Reply why(Request request) throws IOException {
    ImageReference image = asked(request);
    Location location = locate(image);
    Why why = mirror.why(location, image.reference());
    ObjectNode json = Json.object();
    json.put("reference", image.toString());
    json.put("repository", why.repository().path());
    json.put("rule", why.rule());
    json.put("pinned", repositories.isPinned(why.repository(), meant(location, image.reference())));
    why.here()
        .ifPresent(here -> {
          ObjectNode node = json.putObject("here");
          node.put("digest", here.digest().toString());
          node.put("origin", here.isPushed() ? "pushed" : "cached");
          here.checked().ifPresent(when -> node.put("checked", when.toString()));
          here.freshUntil().ifPresent(when -> node.put("freshUntil", when.toString()));
        });
    ArrayNode sources = json.putArray("sources");
    for (Why.Source source : why.sources()) {
      ObjectNode node = sources.addObject();
      node.put("name", source.name());
      node.put("endpoint", source.endpoint().toString());
      node.put("repository", source.repository().path());
      node.put("credentials", source.credentials().orElse("none"));
      source.outage().ifPresent(reason -> node.put("outage", reason));
      source
          .last()
          .ifPresent(last ->
              node.putObject("last")
                  .put("when", last.when().toString())
                  .put("outcome", last.outcome()));
    }
    return Json.reply(200, json);
  }

  /** Asks the upstream immediately for the digest of a tag. */
  Reply refresh(Request request) throws IOException {
    ImageReference image = ordered(request);
    Location location = locate(image);
    Optional<String> before =
        mirror.why(location, image.reference()).here().map(here -> here.digest().toString());
    ManifestAnswer answer = mirror.refresh(location, image.reference());
    ObjectNode json = Json.object();
    json.put("reference", image.toString());
    before.ifPresent(digest -> json.put("before", digest));
    json.put("digest", answer.manifest().digest().toString());
    return Json.reply(200, json);
  }

  /**
   * Pins an image, so that it is not evicted, wherever its tag points. The image need not be stored
   * yet.
   */
  Reply pin(Request request) throws IOException {
    ImageReference image = ordered(request);
    Location location = locate(image);
    boolean isNew = repositories.pin(location.repository(), meant(location, image.reference()));
    return Json.reply(200, Json.object().put("reference", image.toString()).put("changed", isNew));
  }

  /**
   * Returns the reference to pin or purge. A tag that exists only in an image stream, by an import,
   * is replaced by the digest of its current image.
   */
  private Reference meant(Location location, Reference reference) {
    return reference instanceof Tag tag && repositories.tag(location.repository(), tag).isPresent()
        ? tag
        : location.resolved(reference);
  }

  /** Removes a pin that {@link #pin} has set. */
  Reply unpin(Request request) throws IOException {
    ImageReference image = ordered(request);
    Location location = locate(image);
    boolean wasPinned =
        repositories.unpin(location.repository(), meant(location, image.reference()));
    return Json.reply(
        200, Json.object().put("reference", image.toString()).put("changed", wasPinned));
  }

  /**
   * Purges the cached content of an image. Pushed content and content with a hold is not removed.
   */
  Reply purge(Request request) throws IOException {
    ImageReference image = ordered(request);
    Location location = locate(image);
    RepositoryName repository = location.repository();
    String what = image.reference() + " in repository " + repository;
    return switch (repositories.purge(repository, meant(location, image.reference()))) {
      case Purge.Purged(long bytes) ->
          Json.reply(200, Json.object().put("reference", image.toString()).put("bytes", bytes));
      case Purge.Absent absent ->
          throw new OciException(ErrorCode.MANIFEST_UNKNOWN, "there is no " + what);
      case Purge.Pushed pushed ->
          throw kept(what + " was pushed here", "delete it if it is not wanted any more");
      case Purge.Pinned pinned -> throw kept(what + " is pinned", "unpin it first");
      case Purge.Named(Digest by) ->
          throw kept(what + " is part of " + by, "purge that; this goes with it");
      case Purge.Read(Digest blob) ->
          throw kept(what + " is being read: " + blob, "try again when the pull is over");
      case Purge.NotKnown(Digest manifest) ->
          throw new OciException(
                  ErrorCode.DENIED, what + " stays: the stored " + manifest + " cannot be parsed")
              .withStatus(409);
    };
  }

  private static OciException kept(String message, String advice) {
    return new OciException(ErrorCode.DENIED, message, advice).withStatus(409);
  }

  /** Starts a preheat of images. */
  Reply preheat(Request request) {
    JsonNode body = Json.body(request, Set.of("references", "platforms"));
    var wishes = new ArrayList<Preheat.Wish>();
    for (String text : Json.texts(body, "references")) {
      ImageReference image = ImageReference.parse(text);
      wishes.add(new Preheat.Wish(locate(image), image.reference()));
    }
    if (wishes.isEmpty()) {
      throw Json.wrong("references: a list with at least one image is expected");
    }
    List<Platform> platforms = Json.texts(body, "platforms").stream().map(Platform::parse).toList();
    long id = lastId.incrementAndGet();
    Preheat preheat = mirror.preheat(wishes, platforms);
    preheats.put(id, preheat);
    return Json.reply(202, progress(id, preheat.progress()));
  }

  /** Returns the progress of a preheat. */
  Reply preheated(Request request) {
    Optional<String> id = request.query().first("id");
    Preheat preheat =
        id.filter(text -> text.matches("\\d{1,18}"))
            .map(text -> preheats.getIfPresent(Long.parseLong(text)))
            .orElseThrow(() ->
                new OciException(
                        ErrorCode.UNKNOWN,
                        "no such preheat: " + id.orElse(""),
                        "POST /admin/preheat answers with its id; the last "
                            + MOST_PREHEATS
                            + " are known until the server stops")
                    .withStatus(404));
    return Json.reply(200, progress(Long.parseLong(id.orElseThrow()), preheat.progress()));
  }

  private static ObjectNode progress(long id, Preheat.Progress progress) {
    ObjectNode json = Json.object();
    json.put("id", id);
    json.put("state", progress.state().name().toLowerCase(Locale.ROOT));
    json.put("images", progress.images());
    json.put("wanted", progress.wanted());
    json.put("doneBytes", progress.doneBytes());
    json.put("totalBytes", progress.totalBytes());
    progress.failure().ifPresent(reason -> json.put("failure", reason));
    return json;
  }

  private Location locate(ImageReference image) {
    return mirror.locate(image.repository(), image.host(), Optional.empty());
  }

  private static ImageReference asked(Request request) {
    return ImageReference.parse(
        request.query().first("ref").orElseThrow(() -> Json.wrong("the parameter ref is missing")));
  }

  private static ImageReference ordered(Request request) {
    JsonNode body = Json.body(request, Set.of("reference"));
    return ImageReference.parse(
        Json.text(body, "reference", "an image such as quay.io/org/app:v1"));
  }
}
