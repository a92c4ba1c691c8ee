package dev.cistern.server.api;

import dev.cistern.base.MemoryBudget;
import dev.cistern.base.MemoryBudget.Account;
import dev.cistern.base.MemoryBudget.Lease;
import dev.cistern.server.objects.ClusterObjects;
import dev.cistern.server.objects.Meta;
import dev.cistern.storage.StoredObject;
import java.util.Iterator;
import java.util.List;
import java.util.function.Consumer;
import tools.jackson.databind.node.ObjectNode;

/**
 * A walk over the views of a kind's objects, in the order of namespaces and names. Between two
 * steps it holds two names, whatever it walks over. Used by one virtual thread; a step may wait for
 * memory to parse in.
 */
final class ViewWalk {
  private static final int MAX_PAGE_OBJECTS = 100;

  private final ClusterObjects.Cursor cursor;
  private final Resource.Shows resource;
  private final Call call;

  /** The last view that was given of the object after the cursor; "" for none. */
  private String given = "";

  ViewWalk(ClusterObjects.Cursor cursor, Resource.Shows resource, Call call) {
    this.cursor = cursor;
    this.resource = resource;
    this.call = call;
  }

  /**
   * Gives some views.
   *
   * @param mostStored how many stored objects are walked over at most, 1 or more
   * @param taker takes the views
   * @param piece to which it adds them; the step ends when it is full
   * @return how many stored objects are done; -1 at the end
   * @throws MemoryBudget.RefusedException if there is no memory to parse an object
   */
  int step(int mostStored, Consumer<ObjectNode> taker, PieceText piece) {
    List<StoredObject> page = cursor.peek(Math.min(MAX_PAGE_OBJECTS, mostStored));
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
   * Gives the views that are not given yet, or some of them if the piece becomes full; clears
   * {@link #given} at the end of the object.
   */
  private void give(StoredObject object, Consumer<ObjectNode> taker, PieceText piece) {
    try (Lease tree = tree(call, object.json().length())) {
      Iterator<ObjectNode> views =
          resource
              .views(
                  ClusterObjects.parsed(resource.stored(), object.json(), object.revision()), call)
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
  }

  /** Takes memory for a tree; waits for it. */
  static Lease tree(Call call, long textBytes) {
    Lease tree = call.request().lease(Account.PARSED_TREES);
    tree.take(MemoryBudget.treeBytes(textBytes), MemoryBudget.PATIENCE);
    return tree;
  }
}
