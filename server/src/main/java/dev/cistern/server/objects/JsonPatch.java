package dev.cistern.server.objects;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** A JSON patch (RFC 6902): a list of operations that is applied as a whole or not at all. */
record JsonPatch(List<Operation> operations) implements Patch {
  static final String MEDIA_TYPE = "application/json-patch+json";

  private static final int MOST_OPERATIONS = 10_000;
  private static final int MOST_COPIED = 3 << 20;
  private static final Pattern INDEX = Pattern.compile("0|[1-9]\\d{0,8}");
  private static final String ROOT = "it";

  JsonPatch {
    operations = List.copyOf(operations);
  }

  /** One operation. */
  record Operation(
      String name, List<String> path, Optional<List<String>> from, Optional<JsonNode> value) {}

  static JsonPatch of(JsonNode json) {
    if (!(json instanceof ArrayNode items)) {
      throw ApiException.badRequest("a JSON patch is a list of operations (RFC 6902)");
    }
    if (items.size() > MOST_OPERATIONS) {
      throw new ApiException(
          ApiException.Reason.TOO_LARGE,
          "The allowed maximum operations in a JSON patch is "
              + MOST_OPERATIONS
              + ", got "
              + items.size());
    }
    var operations = new ArrayList<Operation>();
    for (JsonNode item : items) {
      operations.add(operation(item));
    }
    return new JsonPatch(operations);
  }

  private static Operation operation(JsonNode item) {
    String name = item.path("op").asString("");
    Optional<JsonNode> value = Optional.ofNullable(item.get("value"));
    Optional<List<String>> from =
        item.has("from") ? Optional.of(pointer(item.path("from"))) : Optional.empty();
    boolean isWhole =
        switch (name) {
          case "add", "replace", "test" -> value.isPresent();
          case "move", "copy" -> from.isPresent();
          case "remove" -> true;
          default ->
              throw ApiException.badRequest(
                  "op: add, remove, replace, move, copy or test is expected, not \"" + name + "\"");
        };
    if (!isWhole) {
      throw ApiException.badRequest(
          "the operation " + name + " lacks " + (from.isEmpty() ? "value or from" : "value"));
    }
    return new Operation(name, pointer(item.path("path")), from, value);
  }

  /** Parses a JSON pointer (RFC 6901). */
  private static List<String> pointer(JsonNode text) {
    String pointer = text.asString("");
    if (!text.isString() || !(pointer.isEmpty() || pointer.startsWith("/"))) {
      throw ApiException.badRequest("path and from: a JSON pointer such as /spec/tags is expected");
    }
    return pointer.isEmpty()
        ? List.of()
        : Stream.of(pointer.substring(1).split("/", -1))
            .map(part -> part.replace("~1", "/").replace("~0", "~"))
            .toList();
  }

  @Override
  public JsonNode apply(JsonNode object) {
    // The holder adds a level, so that the whole object can be replaced like a part of it.
    ObjectNode holder = JsonMapper.shared().createObjectNode();
    holder.set(ROOT, object.deepCopy());
    long copied = 0;
    for (Operation operation : operations) {
      if (operation.name().equals("copy") || operation.name().equals("move")) {
        copied += find(holder, operation.from().orElseThrow()).toString().length();
        requireFewCopied(copied);
      }
      apply(holder, operation);
    }
    return holder.path(ROOT);
  }

  /**
   * Refuses a patch that copies too much. Each copy may double the object, and each move walks
   * through the moved value.
   */
  private static void requireFewCopied(long copied) {
    if (copied > MOST_COPIED) {
      throw new ApiException(
          ApiException.Reason.TOO_LARGE,
          "Unable to complete the copy, the accumulated size increase of copy is "
              + copied
              + ", exceeding the limit "
              + MOST_COPIED);
    }
  }

  private static void apply(ObjectNode holder, Operation operation) {
    List<String> path = operation.path();
    switch (operation.name()) {
      case "add" -> add(holder, path, operation.value().orElseThrow());
      case "remove" -> remove(holder, path);
      case "replace" -> {
        remove(holder, path);
        add(holder, path, operation.value().orElseThrow());
      }
      case "move" -> {
        List<String> from = operation.from().orElseThrow();
        if (path.size() > from.size() && path.subList(0, from.size()).equals(from)) {
          throw unable(path, "a value cannot be moved into itself");
        }
        add(holder, path, remove(holder, from));
      }
      case "copy" -> add(holder, path, find(holder, operation.from().orElseThrow()).deepCopy());
      default -> {
        if (!find(holder, path).equals(JsonPatch::compare, operation.value().orElseThrow())) {
          throw unable(path, "testing value failed");
        }
      }
    }
  }

  /** Returns 0 if two values are equal. Numbers are equal if their values are (section 4.6). */
  private static int compare(JsonNode one, JsonNode other) {
    if (!one.isNumber() || !other.isNumber()) {
      return one.equals(other) ? 0 : 1;
    }
    return one.isIntegralNumber() && other.isIntegralNumber()
        ? one.bigIntegerValue().compareTo(other.bigIntegerValue())
        : Double.compare(one.doubleValue(Double.NaN), other.doubleValue(Double.NaN));
  }

  private static void add(ObjectNode holder, List<String> path, JsonNode value) {
    if (path.size() + Meta.depth(value) > Meta.DEEPEST) {
      throw unable(path, "it would be nested deeper than " + Meta.DEEPEST + " levels");
    }
    JsonNode parent = parent(holder, path);
    String last = last(path);
    switch (parent) {
      case ObjectNode object -> object.set(last, value.deepCopy());
      case ArrayNode array -> {
        int at = last.equals("-") ? array.size() : index(path, last, array.size() + 1);
        array.insert(at, value.deepCopy());
      }
      default -> throw missing(path);
    }
  }

  private static JsonNode remove(ObjectNode holder, List<String> path) {
    JsonNode removed = find(holder, path);
    switch (parent(holder, path)) {
      case ObjectNode object -> object.remove(last(path));
      case ArrayNode array -> array.remove(index(path, last(path), array.size()));
      default -> throw missing(path);
    }
    return removed;
  }

  private static JsonNode find(ObjectNode holder, List<String> path) {
    return child(path, parent(holder, path), last(path));
  }

  private static JsonNode parent(ObjectNode holder, List<String> path) {
    if (path.isEmpty()) {
      return holder;
    }
    JsonNode at = holder.path(ROOT);
    for (String name : path.subList(0, path.size() - 1)) {
      at = child(path, at, name);
    }
    return at;
  }

  private static JsonNode child(List<String> path, JsonNode parent, String name) {
    JsonNode child =
        parent instanceof ArrayNode array
            ? array.path(index(path, name, array.size()))
            : parent.path(name);
    if (child.isMissingNode()) {
      throw missing(path);
    }
    return child;
  }

  private static int index(List<String> path, String text, int end) {
    if (!INDEX.matcher(text).matches() || Integer.parseInt(text) >= end) {
      throw missing(path);
    }
    return Integer.parseInt(text);
  }

  private static String last(List<String> path) {
    return path.isEmpty() ? ROOT : path.getLast();
  }

  private static ApiException missing(List<String> path) {
    return unable(path, "there is nothing at that path");
  }

  private static ApiException unable(List<String> path, String why) {
    return new ApiException(
        ApiException.Reason.INVALID,
        "the server rejected our request due to an error in our request: /"
            + String.join("/", path)
            + ": "
            + why);
  }
}
