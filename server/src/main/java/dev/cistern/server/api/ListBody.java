package dev.cistern.server.api;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cistern.base.FairSeats;
import dev.cistern.base.MemoryBudget;
import dev.cistern.base.MemoryBudget.Account;
import dev.cistern.base.MemoryBudget.Lease;
import dev.cistern.server.http.ReplyBody;
import dev.cistern.server.objects.ApiException;
import dev.cistern.server.objects.ClusterObjects;
import dev.cistern.server.objects.Selector;
import dev.cistern.storage.ObjectName;
import java.io.IOException;
import java.util.Base64;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * A list or table of objects that is read from the store and written piece by piece. The next piece
 * is created when the socket has taken the previous one. Between two pieces it holds a revision and
 * a position in the order of names. With {@code limit} it ends after that number of stored objects,
 * with the position where the next page begins. Used by one virtual thread, except for {@link
 * #close}.
 */
final class ListBody implements ReplyBody.PieceSource {
  private final Resource.Shows resource;
  private final Call call;
  private final Selector selector;
  private final Format format;
  private final long revision;
  private final ClusterObjects.Cursor cursor;
  private final ViewWalk walk;
  private final PieceText piece;
  private final BooleanSupplier isAllowed;
  private int left;
  private State state = State.HEAD;
  private boolean isFirst = true;

  private enum State {
    HEAD,
    ITEMS,
    OVER
  }

  /**
   * Begins the list.
   *
   * @param isAllowed the check whether the caller still has the right; without it the list is cut
   * @param seats for the work on stored objects
   * @throws MemoryBudget.RefusedException if there is no memory for a piece
   */
  ListBody(
      ClusterObjects objects,
      Resource.Shows resource,
      Call call,
      Selector selector,
      Format format,
      BooleanSupplier isAllowed,
      FairSeats seats) {
    this.isAllowed = isAllowed;
    this.resource = resource;
    this.call = call;
    this.selector = selector;
    this.format = format;
    this.revision = objects.revision();
    call.requireServed(revision);
    this.cursor =
        objects.cursor(
            resource.stored(), call.namespace(), call.parameter("continue").map(ListBody::decoded));
    this.walk = new ViewWalk(cursor, resource, call, seats);
    // The position of the next page would reveal the name of a hidden object: all is one page.
    this.left = resource.hidesSome() ? Integer.MAX_VALUE : limit(call);
    Lease lease = call.request().lease(Account.LISTS);
    lease.take(PieceText.MAX_PIECE_BYTES);
    this.piece = new PieceText(lease);
  }

  private static int limit(Call call) {
    try {
      int limit = call.parameter("limit").map(Integer::parseInt).orElse(0);
      return limit <= 0 ? Integer.MAX_VALUE : limit;
    } catch (NumberFormatException e) {
      throw ApiException.badRequest("limit: a number is expected");
    }
  }

  @Override
  public byte @Nullable [] next() throws IOException, InterruptedException {
    if (!piece.hasRest()) {
      if (state == State.OVER) {
        return null;
      }
      make();
      if (!piece.end()) {
        call.request().countRefusal();
        throw noMemory();
      }
    }
    return piece.next();
  }

  private void make() throws IOException, InterruptedException {
    if (!isAllowed.getAsBoolean()) {
      throw new IOException("the caller may not list this any longer");
    }
    piece.tryBegin(); // the previous piece may have been longer
    if (state == State.HEAD) {
      piece.append(format.head(resource.type(), resource.columns()));
      state = State.ITEMS;
    }
    try {
      while (state == State.ITEMS && !piece.isFull()) {
        int done = walk.step(left, this::add, piece);
        left -= Math.max(0, done);
        if (done < 0 || left == 0) {
          end();
        }
      }
    } catch (MemoryBudget.RefusedException e) {
      throw noMemory();
    }
  }

  private static IOException noMemory() {
    return new ReplyBody.EndedException("no memory for an object of the list");
  }

  private void add(ObjectNode view) {
    if (selector.test(view) && resource.isShown(view, call)) {
      piece.append(isFirst ? "" : ",").append(format.item(resource.columns(), view));
      isFirst = false;
    }
  }

  private void end() {
    ObjectNode metadata = JsonMapper.shared().createObjectNode();
    metadata.put("resourceVersion", Long.toString(revision));
    if (left == 0 && !cursor.peek(1).isEmpty()) {
      cursor.last().ifPresent(name -> metadata.put("continue", encoded(name)));
    }
    piece.append("],\"metadata\":" + metadata + "}\n");
    state = State.OVER;
  }

  private static String encoded(ObjectName name) {
    String text = name.kind() + "\n" + name.namespace() + "\n" + name.name();
    return Base64.getUrlEncoder().withoutPadding().encodeToString(text.getBytes(UTF_8));
  }

  private static ObjectName decoded(String text) {
    try {
      List<String> parts =
          List.of(new String(Base64.getUrlDecoder().decode(text), UTF_8).split("\n", -1));
      return new ObjectName(parts.get(0), parts.get(1), parts.get(2));
    } catch (RuntimeException e) {
      throw ApiException.badRequest("continue: what a list before has given is expected");
    }
  }

  @Override
  public void close() {
    piece.close();
  }

  @Override
  public String toString() {
    return "list of " + resource.type().resource();
  }
}
