package dev.cistern.server.api;

import dev.cistern.base.MemoryBudget;
import dev.cistern.base.MemoryBudget.Account;
import dev.cistern.base.MemoryBudget.Lease;
import dev.cistern.server.objects.ClusterObjects;
import dev.cistern.server.objects.Meta;
import dev.cistern.storage.StoredObject;
import java.util.Iterator;
import java.util.List;
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

  /** The last view that the taker received of the object after the cursor; "" for none. */
  private String given = "";

  /** Length of the last page, for which memory is taken before the next page is read. */
  private long pageBytes = MIN_PAGE_BYTES;

  ViewWalk(ClusterObjects.Cursor cursor, Resource.Shows resource, Call call) {
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
   */
  int step(int mostStored, Consumer<ObjectNode> taker, PieceText piece) {
    OptionalInt done = OptionalInt.empty();
    while (done.isEmpty()) {
      done = tryStep(Math.min(MAX_PAGE_OBJECTS, mostStored), taker, piece);
    }
    return done.getAsInt();
  }

  /**
   * Takes memory, reads a page and gives its views. Waits for memory only while nothing is read.
   *
   * @return empty if the page needs more memory than is available at once; the next attempt waits
   *     for as much as this page needs
   */
  private OptionalInt tryStep(int most, Consumer<ObjectNode> taker, PieceText piece) {
    try (Lease memory = tree(call, pageBytes)) {
      long taken = pageBytes;
      if (taken < MAX_PAGE_BYTES
          && memory.tryTake(MemoryBudget.treeBytes(MAX_PAGE_BYTES - taken))) {
        taken = MAX_PAGE_BYTES;
      }
      List<StoredObject> page = cursor.peek(most, (int) Math.min(taken, MAX_PAGE_BYTES));
      long read = page.stream().mapToLong(object -> object.json().length()).sum();
      pageBytes = Math.max(MIN_PAGE_BYTES, read);
      return read <= taken || memory.tryTake(MemoryBudget.treeBytes(read - taken))
          ? OptionalInt.of(give(page, taker, piece))
          : OptionalInt.empty();
    }
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
    while (views.hasNext()) {
      ObjectNode view = views.next();
      String name = Meta.name(view);
      if (given.isEmpty() || name.compareTo(given) > 0) {
        taker.accept(view);
        if (piece.isFull() && views.hasNext() && !piece.tryGrow()) {
          given = name;
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
