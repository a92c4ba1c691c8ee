package dev.cistern.server.streams;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The history of a tag.
 *
 * @param items the items, latest first
 * @param conditions the failures of the last import
 */
public record TagHistory(List<TagEvent> items, List<TagCondition> conditions) {
  static final TagHistory NONE = new TagHistory(List.of(), List.of());

  public TagHistory {
    items = List.copyOf(items);
    conditions = List.copyOf(conditions);
  }

  static TagHistory of(JsonNode json) {
    var items = new ArrayList<TagEvent>();
    json.path("items").forEach(item -> items.add(TagEvent.of(item)));
    var conditions = new ArrayList<TagCondition>();
    for (JsonNode condition : json.path("conditions")) {
      if (condition.path("type").asString("").equals(TagCondition.IMPORT_SUCCESS)
          && condition.path("status").asString("").equals("False")) {
        conditions.add(TagCondition.of(condition));
      }
    }
    return new TagHistory(items, conditions);
  }

  /** Returns this history as an item of {@code status.tags}. */
  public ObjectNode json(String tag) {
    ObjectNode json = JsonMapper.shared().createObjectNode().put("tag", tag);
    if (items.isEmpty()) {
      json.putNull("items");
    } else {
      ArrayNode list = json.putArray("items");
      items.forEach(item -> list.add(item.json()));
    }
    if (!conditions.isEmpty()) {
      ArrayNode list = json.putArray("conditions");
      conditions.forEach(condition -> list.add(condition.json()));
    }
    return json;
  }

  /** Returns the current item of the tag. */
  public Optional<TagEvent> latest() {
    return items.stream().findFirst();
  }

  /** Returns whether there are neither items nor conditions. */
  public boolean isEmpty() {
    return items.isEmpty() && conditions.isEmpty();
  }

  TagHistory with(List<TagEvent> others) {
    return new TagHistory(others, conditions);
  }

  TagHistory failing(List<TagCondition> others) {
    return new TagHistory(items, others);
  }

  /**
   * Returns this history with a new current item. If reference and image are those of the latest
   * item, only the generation changes. If one of them differs, the latest item is replaced and
   * keeps its time of creation. If both differ, an item is added. Any of these changes removes the
   * conditions.
   */
  TagHistory and(TagEvent next) {
    if (items.isEmpty()) {
      return new TagHistory(List.of(next), List.of());
    }
    TagEvent last = items.getFirst();
    boolean isSameReference = last.reference().equals(next.reference());
    boolean isSameImage = last.image().equals(next.image());
    if (isSameReference && isSameImage && last.generation() == next.generation()) {
      return this;
    }
    var changed = new ArrayList<>(items);
    if (isSameReference || isSameImage) {
      changed.set(
          0, new TagEvent(last.created(), next.reference(), next.image(), next.generation()));
    } else {
      changed.addFirst(next);
    }
    return new TagHistory(changed, List.of());
  }
}
