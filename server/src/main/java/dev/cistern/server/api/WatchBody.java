package dev.cistern.server.api;

import dev.cistern.base.FairSeats;
import dev.cistern.base.MemoryBudget;
import dev.cistern.base.MemoryBudget.Account;
import dev.cistern.base.MemoryBudget.Lease;
import dev.cistern.base.MonotonicClock;
import dev.cistern.server.http.Refusal;
import dev.cistern.server.http.ReplyBody;
import dev.cistern.server.objects.ApiException;
import dev.cistern.server.objects.ClusterObjects;
import dev.cistern.server.objects.Meta;
import dev.cistern.server.objects.Selector;
import dev.cistern.storage.ObjectEvent;
import dev.cistern.storage.ObjectFeed;
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
 * The changes of objects after a resource version, in order, with one event per line ("Efficient
 * detection of changes"). Without a version it begins with all current objects. A piece is created
 * when the socket has taken the previous one. Between two pieces it holds a revision, or a position
 * in the order of names. It ends with an event of code 429 if there is no memory for the next
 * event. It ends with code 410 if the client is so slow that the changes are no longer kept. Used
 * by one virtual thread, except for {@link #close}.
 */
final class WatchBody implements ReplyBody.PieceSource {
  private static final Duration LONGEST = Duration.ofHours(1);
  private static final int MAX_EVENT_BYTES = 64 << 10;

  private final Resource.Shows resource;
  private final Call call;
  private final Selector selector;
  private final Format format;
  private final ObjectFeed.Cursor cursor;
  private final Instant end;
  private final BooleanSupplier isAllowed;
  private final FairSeats seats;
  private final ViewWalk walk;
  private final PieceText piece;
  private boolean isListing;
  private boolean isOver;

  /** The number of lines that are already sent of the change after the cursor. */
  private int sentLines;

  /**
   * Length of the next change, if it is waiting for memory or for room in the piece; otherwise 0.
   */
  private long eventBytes;

  /**
   * Begins the watch.
   *
   * @param isAllowed the check whether the caller still has the right; without it nothing further
   *     is shown
   * @param seats for the work on stored objects
   * @throws ApiException if the changes after that version are no longer kept, or if the server is
   *     stopping. Also if the version does not exist, because the store may be another one.
   * @throws MemoryBudget.RefusedException if there is no memory for a piece
   */
  WatchBody(
      ClusterObjects objects,
      Resource.Shows resource,
      Call call,
      Selector selector,
      Format format,
      BooleanSupplier isAllowed,
      FairSeats seats) {
    this.isAllowed = isAllowed;
    this.seats = seats;
    this.resource = resource;
    this.call = call;
    this.selector = selector;
    this.format = format;
    this.end = MonotonicClock.SYSTEM.instant().plus(patience(call));
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
    if (cursor.isOver()) {
      cursor.close();
      throw new ApiException(
          ApiException.Reason.SERVICE_UNAVAILABLE, "the server is stopping; watch again later");
    }
    this.walk =
        new ViewWalk(
            objects.cursor(resource.stored(), call.namespace(), Optional.empty()),
            resource,
            call,
            seats);
    Lease lease = call.request().lease(Account.WATCHES);
    lease.take(PieceText.MAX_PIECE_BYTES);
    this.piece = new PieceText(lease);
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
    while (!piece.hasRest()) {
      if (isOver) {
        return null;
      }
      make();
      if (!piece.end()) {
        call.request().countRefusal();
        fail(refused());
        piece.end();
      }
    }
    return piece.next();
  }

  private void make() throws IOException, InterruptedException {
    try {
      if (!isListing) {
        follow();
        return;
      }
      if (!isAllowed.getAsBoolean()) {
        isOver = true;
        return;
      }
      piece.tryBegin(); // the previous piece may have been longer
      isListing = walk.step(Integer.MAX_VALUE, this::add, piece) >= 0;
    } catch (MemoryBudget.RefusedException e) {
      fail(refused());
    }
  }

  private void add(ObjectNode view) {
    if (isWanted(view)) {
      write("ADDED", view);
    }
  }

  /** Writes the next changes. Waits for memory and a seat while no change is held. */
  private void follow() throws IOException, InterruptedException {
    piece.release();
    try {
      if (!awaitsOurs()) {
        return;
      }
      try (Lease tree = memoryOfNext();
          FairSeats.Seat _ = ViewWalk.seat(seats, call, piece)) {
        if (!isAllowed.getAsBoolean()) {
          isOver = true;
        } else if (!piece.tryBegin()) {
          call.request().countRefusal();
          fail(refused());
        } else {
          write(cursor.next(Duration.ZERO, MAX_EVENT_BYTES), tree);
        }
      }
    } catch (ObjectFeed.TooOldException e) {
      fail(expired(e));
    }
  }

  /**
   * Waits until the next change is one of ours, or until the watch is over.
   *
   * @return whether it is one of ours
   */
  private boolean awaitsOurs() throws InterruptedException, ObjectFeed.TooOldException {
    if (eventBytes > 0) {
      return true;
    }
    Duration left = Duration.between(MonotonicClock.SYSTEM.instant(), end);
    Optional<ObjectEvent> ours =
        cursor.next(left.isNegative() ? Duration.ZERO : left, MAX_EVENT_BYTES).stream()
            .filter(this::isOurs)
            .findFirst();
    ours.ifPresent(cursor::back);
    isOver = ours.isEmpty() && (isEnded() || !isAllowed.getAsBoolean());
    return ours.isPresent();
  }

  private boolean isEnded() {
    return cursor.isOver() || !MonotonicClock.SYSTEM.instant().isBefore(end);
  }

  private void write(List<ObjectEvent> events, Lease tree) {
    for (ObjectEvent event : events) {
      if (isOurs(event)) {
        eventBytes = (long) length(event.before()) + length(event.after());
        if (!tree.tryResize(MemoryBudget.treeBytes(eventBytes)) || !write(event)) {
          cursor.back(event);
          return;
        }
      }
      eventBytes = 0;
      sentLines = 0;
    }
    isOver = isEnded();
  }

  /**
   * Returns memory for the next change. Waits for it only if the change is known to need it, while
   * no change is held.
   *
   * @throws MemoryBudget.RefusedException if there is none in time
   */
  private Lease memoryOfNext() {
    return eventBytes > 0
        ? ViewWalk.tree(call, eventBytes)
        : call.request().lease(Account.PARSED_TREES);
  }

  /** Ends the watch with an error event instead of the remaining events. */
  private void fail(ApiException e) {
    ObjectNode error = JsonMapper.shared().createObjectNode().put("type", "ERROR");
    error.set("object", e.status());
    piece.append(error + "\n");
    isOver = true;
  }

  private static ApiException refused() {
    return new ApiException(
        ApiException.Reason.TOO_MANY_REQUESTS,
        Refusal.MEMORY.message() + "; list again, then watch from its version");
  }

  private boolean isOurs(ObjectEvent event) {
    return event.name().kind().equals(resource.stored().kind())
        && call.namespace().map(event.name().namespace()::equals).orElse(true);
  }

  /**
   * Writes the lines of a change that are not sent yet. The views of an object before and after the
   * change determine the event of each part.
   *
   * @return whether the change is written completely
   */
  private boolean write(ObjectEvent event) {
    Map<String, ObjectNode> before = views(event.before(), event.revision());
    Map<String, ObjectNode> after = views(event.after(), event.revision());
    var lines = new Lines();
    after.forEach((name, view) -> {
      ObjectNode was = before.get(name);
      if (was == null) {
        lines.add("ADDED", view);
      } else if (!isSame(was, view)) {
        lines.add("MODIFIED", view);
      }
    });
    before.forEach((name, view) -> {
      if (!after.containsKey(name)) {
        lines.add("DELETED", view);
      }
    });
    return !lines.isCut;
  }

  private static int length(Optional<String> json) {
    return json.map(String::length).orElse(0);
  }

  /**
   * The lines of one change. Lines that are already sent are skipped. Lines after a full piece
   * wait.
   */
  private final class Lines {
    private int count;
    private boolean isCut;

    void add(String kind, ObjectNode view) {
      count++;
      if (count > sentLines) {
        isCut |= piece.isFull() && !piece.tryGrow();
        if (!isCut) {
          write(kind, view);
          sentLines = count;
        }
      }
    }
  }

  /** Returns whether a part of an object is unchanged, apart from the version of the object. */
  private boolean isSame(ObjectNode before, ObjectNode after) {
    return resource.type().kind().equals(resource.stored().kind()) ? false : before.equals(after);
  }

  private Map<String, ObjectNode> views(Optional<String> json, long revision) {
    var views = new LinkedHashMap<String, ObjectNode>();
    if (json.isPresent()) {
      ObjectNode stored = ClusterObjects.parsed(resource.stored(), json.get(), revision);
      resource
          .views(stored, call)
          .filter(this::isWanted)
          .forEach(view -> views.put(Meta.name(view), view));
    }
    return views;
  }

  private boolean isWanted(ObjectNode view) {
    return selector.test(view) && resource.isShown(view, call);
  }

  private void write(String kind, ObjectNode view) {
    ObjectNode event = JsonMapper.shared().createObjectNode().put("type", kind);
    event.set("object", format.isTable() ? format.table(resource.columns(), List.of(view)) : view);
    piece.append(event + "\n");
  }

  @Override
  public void close() {
    cursor.close();
    piece.close();
  }

  @Override
  public String toString() {
    return "watch of " + resource.type().resource();
  }
}
