package dev.cistern.server.admin;

import static java.nio.charset.StandardCharsets.UTF_8;

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
import dev.cistern.oci.RepositoryName;
import dev.cistern.server.http.Reply;
import dev.cistern.server.http.Request;
import dev.cistern.storage.Purge;
import dev.cistern.storage.Repositories;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * {@code /admin/...}: what an administrator asks about an image, and has done with it. Answers are
 * JSON; questions come by GET with {@code ?ref=REF}, orders by POST with a JSON body.
 */
final class Questions {
  private static final int MOST_BODY_BYTES = 1 << 20;
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

  /** Returns where an image is pulled from and what is here of it. */
  Reply why(Request request) throws IOException {
    ImageReference image = asked(request);
    Why why = mirror.why(locate(image), image.reference());
    ObjectNode json = object();
    json.put("reference", image.toString());
    json.put("repository", why.repository().path());
    json.put("rule", why.rule());
    json.put("pinned", repositories.isPinned(why.repository(), image.reference()));
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
    return json(200, json);
  }

  /** Asks the upstream now where a tag points. */
  Reply refresh(Request request) throws IOException {
    ImageReference image = ordered(body(request));
    Location location = locate(image);
    Optional<String> before =
        mirror.why(location, image.reference()).here().map(here -> here.digest().toString());
    ManifestAnswer answer = mirror.refresh(location, image.reference());
    ObjectNode json = object();
    json.put("reference", image.toString());
    before.ifPresent(digest -> json.put("before", digest));
    json.put("digest", answer.manifest().digest().toString());
    return json(200, json);
  }

  /** Keeps an image from being evicted, whatever a tag points at; it need not be here yet. */
  Reply pin(Request request) throws IOException {
    ImageReference image = ordered(body(request));
    boolean isNew = repositories.pin(locate(image).repository(), image.reference());
    return json(200, object().put("reference", image.toString()).put("changed", isNew));
  }

  /** Ends what {@link #pin} began. */
  Reply unpin(Request request) throws IOException {
    ImageReference image = ordered(body(request));
    boolean wasPinned = repositories.unpin(locate(image).repository(), image.reference());
    return json(200, object().put("reference", image.toString()).put("changed", wasPinned));
  }

  /** Removes what is cached of an image; what was pushed or is needed stays. */
  Reply purge(Request request) throws IOException {
    ImageReference image = ordered(body(request));
    RepositoryName repository = locate(image).repository();
    String what = image.reference() + " in repository " + repository;
    return switch (repositories.purge(repository, image.reference())) {
      case Purge.Purged(long bytes) ->
          json(200, object().put("reference", image.toString()).put("bytes", bytes));
      case Purge.Absent absent ->
          throw new OciException(ErrorCode.MANIFEST_UNKNOWN, "there is no " + what);
      case Purge.Pushed pushed ->
          throw kept(what + " was pushed here", "delete it if it is not wanted any more");
      case Purge.Pinned pinned -> throw kept(what + " is pinned", "unpin it first");
      case Purge.Named(Digest by) ->
          throw kept(what + " is part of " + by, "purge that; this goes with it");
      case Purge.Read(Digest blob) ->
          throw kept(what + " is being read: " + blob, "try again when the pull is over");
    };
  }

  private static OciException kept(String message, String advice) {
    return new OciException(ErrorCode.DENIED, message, advice).withStatus(409);
  }

  /** Begins to bring images here. */
  Reply preheat(Request request) {
    JsonNode body = body(request);
    var wishes = new ArrayList<Preheat.Wish>();
    for (String text : texts(body, "references")) {
      ImageReference image = ImageReference.parse(text);
      wishes.add(new Preheat.Wish(locate(image), image.reference()));
    }
    if (wishes.isEmpty()) {
      throw wrong("references: a list with at least one image is expected");
    }
    List<Platform> platforms = texts(body, "platforms").stream().map(Platform::parse).toList();
    long id = lastId.incrementAndGet();
    Preheat preheat = mirror.preheat(wishes, platforms);
    preheats.put(id, preheat);
    return json(202, progress(id, preheat.progress()));
  }

  /** Returns how far a preheat is. */
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
    return json(200, progress(Long.parseLong(id.orElseThrow()), preheat.progress()));
  }

  private static ObjectNode progress(long id, Preheat.Progress progress) {
    ObjectNode json = object();
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
        request.query().first("ref").orElseThrow(() -> wrong("the parameter ref is missing")));
  }

  private static ImageReference ordered(JsonNode body) {
    JsonNode reference = body.path("reference");
    if (!reference.isString()) {
      throw wrong("reference: an image such as quay.io/org/app:v1 is expected");
    }
    return ImageReference.parse(reference.stringValue());
  }

  private static List<String> texts(JsonNode body, String key) {
    var texts = new ArrayList<String>();
    for (JsonNode item : body.path(key)) {
      if (!item.isString()) {
        throw wrong(key + ": a list of texts is expected");
      }
      texts.add(item.stringValue());
    }
    return texts;
  }

  private static JsonNode body(Request request) {
    try {
      byte[] bytes = request.body().readAll(MOST_BODY_BYTES, ErrorCode.SIZE_INVALID);
      return JsonMapper.shared().readTree(new String(bytes, UTF_8));
    } catch (JacksonException e) {
      throw wrong("the body is not JSON: " + e.getOriginalMessage());
    } catch (IOException e) {
      throw wrong("the body did not come: " + e.getMessage());
    }
  }

  private static OciException wrong(String what) {
    return new OciException(ErrorCode.UNKNOWN, what).withStatus(400);
  }

  private static ObjectNode object() {
    return JsonMapper.shared().createObjectNode();
  }

  private static Reply json(int status, ObjectNode json) {
    return Reply.status(status).body("application/json", json + "\n");
  }
}
