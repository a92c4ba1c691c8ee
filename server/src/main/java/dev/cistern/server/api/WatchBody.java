package dev.cistern.server.api;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cistern.server.http.ReplyBody;
import dev.cistern.server.objects.ApiException;
import dev.cistern.server.objects.ClusterObjects;
import dev.cistern.server.objects.Meta;
import dev.cistern.server.objects.Selector;
import dev.cistern.storage.ObjectEvent;
import dev.cistern.storage.ObjectFeed;
import dev.cistern.storage.ObjectName;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The changes of objects from a resource version on, as they come ("Efficient detection of
 * changes"): one event a line. From no version it begins with all that there is.
 */
final class WatchBody implements ReplyBody.PieceSource {
  private static final Duration LONGEST = Duration.ofHours(1);
  private static final int PAGE = 100;

  private final ClusterObjects objects;
  private final Resource.Shows resource;
  private final Call call;
  private final Selector selector;
  private final Format format;
  private final ObjectFeed.Cursor cursor;
  private final Instant end;
  private final BooleanSupplier isAllowed;
  private boolean isListing;
  private boolean isOver;
  private Optional<ObjectName> listed = Optional.empty();

  /**
   * Begins.
   *
   * @param isAllowed says whether the caller still may; once he may not, nothing more is shown
   * @throws ApiException if the changes since that version are not kept any more, or there was no
   *     such version: the store may be another one
   */
  WatchBody(
      ClusterObjects objects,
      Resource.Shows resource,
      Call call,
      Selector selector,
      Format format,
      BooleanSupplier isAllowed) {
    this.objects = objects;
    this.isAllowed = isAllowed;
    this.resource = resource;
    this.call = call;
    this.selector = selector;
    this.format = format;
    this.end = Instant.now().plus(patience(call));
    long version = version(call);
    if (version > objects.revision()) {
      throw new ApiException(
          ApiException.Reason.EXPIRED,
          "too large resource version: " + version + " (" + objects.revision() + ")");
    }
    this.isListing = version == 0;
    try {
      this.cursor = objects.feed().after(isListing ? objects.revision() : version);
    } catch (ObjectFeed.TooOldException e) {
      throw expired(e);
    }
  }

  private static Duration patience(Call call) {
    try {
      long seconds = call.parameter("timeoutSeconds").map(Long::parseLong).orElse(0L);
      return seconds <= 0 || seconds > LONGEST.toSeconds() ? LONGEST : Duration.ofSeconds(seconds);
    } catch (NumberFormatException e) {
      throw ApiException.badRequest("timeoutSeconds: a number is expected");
    }
  }

  private static long version(Call call) {
    if (call.parameter("sendInitialEvents").isPresent()) {
      throw new ApiException(
          ApiException.Reason.INVALID,
          "sendInitialEvents is forbidden for watch: list first, then watch from its version");
    }
    if (call.parameter("resourceVersionMatch").isPresent()) {
      throw ApiException.badRequest(
          "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
    }
    try {
      return call.parameter("resourceVersion").map(Long::parseUnsignedLong).orElse(0L);
    } catch (NumberFormatException e) {
      throw ApiException.badRequest("resourceVersion: what an object or a list has is expected");
    }
  }

  private static ApiException expired(ObjectFeed.TooOldException e) {
    return new ApiException(ApiException.Reason.EXPIRED, String.valueOf(e.getMessage()));
  }

  @Override
  public byte @Nullable [] next() throws IOException, InterruptedException {
    while (!isOver) {
      var text = new StringBuilder();
      if (isListing) {
        list(text);
      } else {
        follow(text);
      }
      if (!text.isEmpty()) {
        return text.toString().getBytes(UTF_8);
      }
    }
    return null;
  }

  private void list(StringBuilder text) {
    ClusterObjects.Page page = objects.page(resource.stored(), call.namespace(), listed, PAGE);
    listed = page.next();
    isListing = page.next().isPresent();
    for (ObjectNode stored : page.objects()) {
      for (ObjectNode view : resource.views(stored, call)) {
        if (isWanted(view)) {
          write(text, "ADDED", view);
        }
      }
    }
  }

  private void follow(StringBuilder text) throws InterruptedException {
    Duration left = Duration.between(Instant.now(), end);
    try {
      List<ObjectEvent> events = cursor.next(left.isNegative() ? Duration.ZERO : left);
      if (!isAllowed.getAsBoolean()) {
        isOver = true;
        return;
      }
      events.stream().filter(this::isOurs).forEach(event -> write(text, event));
      isOver = cursor.isOver() || !Instant.now().isBefore(end);
    } catch (ObjectFeed.TooOldException e) {
      ObjectNode error = JsonMapper.shared().createObjectNode().put("type", "ERROR");
      error.set("object", expired(e).status());
      text.append(error).append('\n');
      isOver = true;
    }
  }

  private boolean isOurs(ObjectEvent event) {
    return event.name().kind().equals(resource.stored().kind())
        && call.namespace().map(event.name().namespace()::equals).orElse(true);
  }

  /** What is shown of an object before and after a change tells what happened to each part. */
  private void write(StringBuilder text, ObjectEvent event) {
    Map<String, ObjectNode> before = views(event.before(), event.revision());
    Map<String, ObjectNode> after = views(event.after(), event.revision());
    after.forEach((name, view) -> {
      ObjectNode was = before.get(name);
      if (was == null) {
        write(text, "ADDED", view);
      } else if (!isSame(was, view)) {
        write(text, "MODIFIED", view);
      }
    });
    before.forEach((name, view) -> {
      if (!after.containsKey(name)) {
        write(text, "DELETED", view);
      }
    });
  }

  /** A part of an object is the same while nothing but the object's version is another. */
  private boolean isSame(ObjectNode before, ObjectNode after) {
    return resource.type().kind().equals(resource.stored().kind()) ? false : before.equals(after);
  }

  private Map<String, ObjectNode> views(Optional<String> json, long revision) {
    var views = new LinkedHashMap<String, ObjectNode>();
    if (json.isPresent()) {
      ObjectNode stored = ClusterObjects.parsed(resource.stored(), json.get(), revision);
      for (ObjectNode view : resource.views(stored, call)) {
        if (isWanted(view)) {
          views.put(Meta.name(view), view);
        }
      }
    }
    return views;
  }

  private boolean isWanted(ObjectNode view) {
    return selector.test(view) && resource.isShown(view, call);
  }

  private void write(StringBuilder text, String kind, ObjectNode view) {
    ObjectNode event = JsonMapper.shared().createObjectNode().put("type", kind);
    event.set("object", format.isTable() ? format.table(resource.columns(), List.of(view)) : view);
    text.append(event).append('\n');
  }

  @Override
  public void close() {
    cursor.close();
  }

  @Override
  public String toString() {
    return "watch of " + resource.type().resource();
  }
}
