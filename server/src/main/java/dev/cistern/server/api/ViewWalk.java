package dev.cistern.server.api;

import dev.cistern.auth.access.Principal;
import dev.cistern.base.FairSeats;
import dev.cistern.base.MemoryBudget;
import dev.cistern.base.MemoryBudget.Account;
import dev.cistern.base.MemoryBudget.Lease;
import dev.cistern.server.http.ReplyBody;
import dev.cistern.server.objects.ClusterObjects;
import dev.cistern.server.objects.Meta;
import dev.cistern.storage.ObjectName;
import dev.cistern.storage.StoredObject;
import java.io.IOException;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Consumer;
import tools.jackson.databind.node.ObjectNode;

/**
 * A walk over the views of a kind's objects, in the order of namespaces and names. Between two
 * steps it holds two names, regardless of the number of objects. Used by one virtual thread. A step
 * may wait for memory to parse objects.
 */
final class ViewWalk {
  private static final int MAX_PAGE_OBJECTS = 100;
  private static final int MAX_PAGE_BYTES = 64 << 10;
  private static final int MIN_PAGE_BYTES = 4 << 10;

  private final ClusterObjects.Cursor cursor;
  private final Resource.Shows resource;
  private final Call call;
  private final FairSeats seats;

  /** The last view that the taker received of the object after the cursor; "" for none. */
  private String given = "";

  /** The object that {@link #given} is a view of. */
  private Optional<ObjectName> givenOf = Optional.empty();

  /** True if the last attempt lacked memory. */
  private boolean mustWait;

  /** Length of the last page, for which memory is taken before the next page is read. */
  private long pageBytes = MIN_PAGE_BYTES;

  ViewWalk(ClusterObjects.Cursor cursor, Resource.Shows resource, Call call, FairSeats seats) {
    this.seats = seats;
    this.cursor = cursor;
    this.resource = resource;
    this.call = call;
  }

  /**
   * Gives some views to the taker.
   *
   * @param mostStored the maximum number of stored objects in this step, 1 or more
   * @param taker the receiver of the views
   * @param piece the text that the taker adds to; the step ends when it is full
   * @return the number of completed stored objects; -1 at the end
   * @throws MemoryBudget.RefusedException if there is no memory to parse an object
   * @throws ReplyBody.EndedException if the client has left meanwhile
   */
  int step(int mostStored, Consumer<ObjectNode> taker, PieceText piece)
      throws IOException, InterruptedException {
    OptionalInt done = OptionalInt.empty();
    while (done.isEmpty()) {
      done = tryStep(Math.min(MAX_PAGE_OBJECTS, mostStored), taker, piece);
    }
    return done.getAsInt();
  }

  /**
   * Takes a seat and memory, reads a page and gives its views. Waits only while nothing is read,
   * and holds memory while it waits for a seat only if it had to wait for the memory.
   *
   * @return empty if the page needs more memory than is available at once; the next attempt waits
   *     for as much as this page needs
   */
  private OptionalInt tryStep(int most, Consumer<ObjectNode> taker, PieceText piece)
      throws IOException, InterruptedException {
    try (Lease memory =
            mustWait ? tree(call, pageBytes) : call.request().lease(Account.PARSED_TREES);
        FairSeats.Seat _ = seat(seats, call, piece)) {
      mustWait = !memory.tryResize(MemoryBudget.treeBytes(pageBytes));
      if (mustWait) {
        return OptionalInt.empty();
      }
      long taken = pageBytes;
      if (taken < MAX_PAGE_BYTES
          && memory.tryTake(MemoryBudget.treeBytes(MAX_PAGE_BYTES - taken))) {
        taken = MAX_PAGE_BYTES;
      }
      List<StoredObject> page = cursor.peek(most, (int) Math.min(taken, MAX_PAGE_BYTES));
      long read = page.stream().mapToLong(object -> object.json().length()).sum();
      pageBytes = Math.max(MIN_PAGE_BYTES, read);
      mustWait = read > taken && !memory.tryTake(MemoryBudget.treeBytes(read - taken));
      return mustWait ? OptionalInt.empty() : OptionalInt.of(give(page, taker, piece));
    }
  }

  /**
   * Returns a seat for work on stored objects; waits for it.
   *
   * @throws ReplyBody.EndedException if the client has left meanwhile
   */
  static FairSeats.Seat seat(FairSeats seats, Call call, PieceText piece)
      throws IOException, InterruptedException {
    Principal principal = call.caller().principal();
    FairSeats.Seat seat =
        seats.take(principal.isAnonymous() ? call.request().client() : "user " + principal.name());
    if (piece.isClosed()) {
      seat.close();
      throw new ReplyBody.EndedException("the client has left");
    }
    return seat;
  }

  private int give(List<StoredObject> page, Consumer<ObjectNode> taker, PieceText piece) {
    int done = 0;
    for (StoredObject object : page) {
      give(object, taker, piece);
      if (!given.isEmpty()) {
        return done;
      }
      done += cursor.isStored() ? 1 : 0;
      cursor.pass(object.name());
      pageBytes = Math.min(pageBytes, MAX_PAGE_BYTES); // the next object is likely shorter
      if (piece.isFull()) {
        return done;
      }
    }
    return page.isEmpty() ? -1 : done;
  }

  /**
   * Gives the views that the taker does not have yet, or some of them if the piece becomes full;
   * clears {@link #given} at the end of the object.
   */
  private void give(StoredObject object, Consumer<ObjectNode> taker, PieceText piece) {
    Iterator<ObjectNode> views =
        resource
            .views(ClusterObjects.parsed(resource.stored(), object.json(), object.revision()), call)
            .iterator();
    if (!givenOf.equals(Optional.of(object.name()))) {
      given = ""; // the object that it was of has been deleted meanwhile
    }
    while (views.hasNext()) {
      ObjectNode view = views.next();
      String name = Meta.name(view);
      if (given.isEmpty() || name.compareTo(given) > 0) {
        taker.accept(view);
        if (piece.isFull() && views.hasNext() && !piece.tryGrow()) {
          given = name;
          givenOf = Optional.of(object.name());
          return;
        }
      }
    }
    given = "";
  }

  /** Takes memory for a parsed tree; may wait for it. */
  static Lease tree(Call call, long textBytes) {
    Lease tree = call.request().lease(Account.PARSED_TREES);
    tree.take(MemoryBudget.treeBytes(textBytes), MemoryBudget.PATIENCE);
    return tree;
  }
}
