package dev.cistern.server.api;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cistern.server.http.ReplyBody;
import dev.cistern.server.objects.ApiException;
import dev.cistern.server.objects.ClusterObjects;
import dev.cistern.server.objects.Selector;
import dev.cistern.storage.ObjectName;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * A list of objects, read from the store and written page by page, so that a long one takes no more
 * memory than a short one. With {@code limit} it ends after so many stored objects, and says where
 * the next begins.
 */
final class ListBody implements ReplyBody.PieceSource {
  private static final int PAGE = 100;

  private final ClusterObjects objects;
  private final Resource.Shows resource;
  private final Call call;
  private final Selector selector;
  private final Format format;
  private final long revision;
  private Optional<ObjectName> after;
  private int left;
  private State state = State.HEAD;
  private boolean isFirst = true;
  private Optional<ObjectName> next = Optional.empty();

  private enum State {
    HEAD,
    ITEMS,
    END,
    OVER
  }

  ListBody(
      ClusterObjects objects,
      Resource.Shows resource,
      Call call,
      Selector selector,
      Format format) {
    this.objects = objects;
    this.resource = resource;
    this.call = call;
    this.selector = selector;
    this.format = format;
    this.revision = objects.revision();
    call.requireServed(revision);
    this.after = call.parameter("continue").map(ListBody::decoded);
    // Where the next page begins would tell the name of what is hidden: all of it is one page.
    this.left = resource.hidesSome() ? Integer.MAX_VALUE : limit(call);
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
  public byte @Nullable [] next() {
    return switch (state) {
      case HEAD -> {
        state = State.ITEMS;
        yield format.head(resource.type(), resource.columns());
      }
      case ITEMS -> items();
      case END -> {
        state = State.OVER;
        yield end();
      }
      case OVER -> null;
    };
  }

  private byte[] items() {
    ClusterObjects.Page page =
        objects.page(resource.stored(), call.namespace(), after, Math.min(PAGE, left));
    left -= Math.min(PAGE, left);
    after = page.next();
    if (page.next().isEmpty() || left == 0) {
      next = page.next();
      state = State.END;
    }
    var text = new StringBuilder();
    for (ObjectNode stored : page.objects()) {
      for (ObjectNode view : resource.views(stored, call)) {
        if (selector.test(view) && resource.isShown(view, call)) {
          text.append(isFirst ? "" : ",").append(format.item(resource.columns(), view));
          isFirst = false;
        }
      }
    }
    return text.toString().getBytes(UTF_8);
  }

  private byte[] end() {
    ObjectNode metadata = JsonMapper.shared().createObjectNode();
    metadata.put("resourceVersion", Long.toString(revision));
    next.ifPresent(name -> metadata.put("continue", encoded(name)));
    return ("],\"metadata\":" + metadata + "}\n").getBytes(UTF_8);
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
  public void close() {}

  @Override
  public String toString() {
    return "list of " + resource.type().resource();
  }
}
