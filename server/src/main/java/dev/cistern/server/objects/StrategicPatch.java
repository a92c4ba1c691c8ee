package dev.cistern.server.objects;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * A strategic merge patch (Kubernetes, "Update API Objects in Place Using kubectl patch"). It is a
 * merge patch that treats some lists as sets, whose items merge by a key. Server-side apply ({@code
 * kubectl apply --server-side}) merges by the same keys. The managers of fields are not recorded.
 */
record StrategicPatch(ObjectNode patch) implements Patch {
  static final String MEDIA_TYPE = "application/strategic-merge-patch+json";
  static final String APPLY_MEDIA_TYPE = "application/apply-patch+yaml";

  private static final String DIRECTIVE = "$patch";
  private static final String RETAIN = "$retainKeys";
  private static final String DELETE_VALUES = "$deleteFromPrimitiveList/";
  private static final String ORDER = "$setElementOrder/";

  /** The lists that are sets of objects, by path, with the key of their items. */
  private static final Map<String, String> KEYS =
      Map.of(
          "spec.tags", "name",
          "status.tags", "tag",
          "secrets", "name",
          "imagePullSecrets", "name",
          "metadata.ownerReferences", "uid");

  /** The lists that are sets of texts. */
  private static final Set<String> SETS = Set.of("metadata.finalizers");

  static StrategicPatch of(JsonNode json) {
    if (!(json instanceof ObjectNode patch)) {
      throw ApiException.badRequest("the patch is no JSON object");
    }
    return new StrategicPatch(patch);
  }

  @Override
  public JsonNode apply(JsonNode object) {
    return merge("", object.deepCopy(), patch);
  }

  /** Merges the patch into the target, and returns the target or its replacement. */
  private static JsonNode merge(String path, JsonNode target, ObjectNode patch) {
    ObjectNode merged =
        target instanceof ObjectNode object && !isReplacing(patch)
            ? object
            : JsonMapper.shared().createObjectNode();
    retain(merged, patch.path(RETAIN));
    for (var member : patch.properties()) {
      String name = member.getKey();
      if (name.startsWith(DELETE_VALUES)) {
        deleteValues(merged, name.substring(DELETE_VALUES.length()), member.getValue());
      }
    }
    for (var member : patch.properties()) {
      String name = member.getKey();
      boolean isDirective =
          name.equals(DIRECTIVE)
              || name.equals(RETAIN)
              || name.startsWith(ORDER)
              || name.startsWith(DELETE_VALUES);
      if (!isDirective) {
        set(merged, name, path.isEmpty() ? name : path + "." + name, member.getValue());
      }
    }
    return merged;
  }

  private static void set(ObjectNode merged, String name, String path, JsonNode value) {
    switch (value) {
      case ObjectNode object when isDeleting(object) -> merged.remove(name);
      case ObjectNode object -> merged.set(name, merge(path, merged.path(name), object));
      case ArrayNode items when items.valueStream().anyMatch(StrategicPatch::isReplacing) ->
          merged.set(
              name,
              array(
                  items
                      .valueStream()
                      .filter(item -> !isReplacing(item))
                      .map(JsonNode::deepCopy)
                      .toList()));
      case ArrayNode items when KEYS.containsKey(path) ->
          merged.set(name, mergedItems(path, merged.path(name), items));
      case ArrayNode items when SETS.contains(path) ->
          merged.set(name, union(merged.path(name), items));
      case JsonNode other when other.isNull() -> merged.remove(name);
      default -> merged.set(name, value.deepCopy());
    }
  }

  private static boolean isReplacing(JsonNode patch) {
    return patch.path(DIRECTIVE).asString("").equals("replace");
  }

  private static boolean isDeleting(JsonNode patch) {
    return patch.path(DIRECTIVE).asString("").equals("delete");
  }

  private static ArrayNode mergedItems(String path, JsonNode target, ArrayNode patches) {
    String key = String.valueOf(KEYS.get(path));
    var items = new ArrayList<Optional<JsonNode>>();
    var places = new HashMap<JsonNode, List<Integer>>();
    for (JsonNode item : target) {
      places.computeIfAbsent(item.path(key), identity -> new ArrayList<>()).add(items.size());
      items.add(Optional.of(item));
    }
    for (JsonNode item : patches) {
      JsonNode identity = item.path(key);
      if (!(item instanceof ObjectNode patch) || identity.isMissingNode()) {
        throw ApiException.badRequest(
            "each item of " + path + " needs the key " + key + ", by which they merge");
      }
      List<Integer> there = places.getOrDefault(identity, List.of());
      if (isDeleting(patch)) {
        there.forEach(place -> items.set(place, Optional.empty()));
        places.remove(identity);
      } else if (there.isEmpty()) {
        places.put(identity, List.of(items.size()));
        items.add(Optional.of(merge(path, JsonMapper.shared().createObjectNode(), patch)));
      } else {
        int place = there.getFirst();
        items.set(place, items.get(place).map(old -> merge(path, old, patch)));
      }
    }
    return array(items.stream().flatMap(Optional::stream).toList());
  }

  private static ArrayNode union(JsonNode target, ArrayNode more) {
    var values = new LinkedHashSet<JsonNode>();
    target.forEach(values::add);
    more.forEach(value -> values.add(value.deepCopy()));
    return array(List.copyOf(values));
  }

  private static ArrayNode array(List<JsonNode> items) {
    return JsonMapper.shared().createArrayNode().addAll(items);
  }

  private static void deleteValues(ObjectNode merged, String name, JsonNode values) {
    if (merged.path(name) instanceof ArrayNode list) {
      var gone = new HashSet<JsonNode>();
      values.forEach(gone::add);
      list.removeIf(gone::contains);
    }
  }

  private static void retain(ObjectNode merged, JsonNode names) {
    if (names instanceof ArrayNode list) {
      var kept = new HashSet<String>();
      list.forEach(name -> kept.add(name.asString("")));
      merged.retain(kept);
    }
  }
}
