package dev.cistern.server.streams;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What a tag was and is.
 *
 * @param items the latest first
 * @param conditions what is wrong with it
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

  /** Returns it as one of {@code status.tags}. */
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

  /** Returns what the tag is now. */
  public Optional<TagEvent> latest() {
    return items.stream().findFirst();
  }

  /** Says whether there is nothing to say of the tag. */
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
   * Returns this with what the tag is now. The same image at the same place only moves the
   * generation; if one of the two is another, the latest item is changed; if both are, there is a
   * new one. Any of these ends the conditions.
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
