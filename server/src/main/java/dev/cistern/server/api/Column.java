package dev.cistern.server.api;

import dev.cistern.server.objects.Ages;
import dev.cistern.server.objects.Meta;
import java.time.Instant;
import java.util.List;
import java.util.function.Function;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/**
 * A column of the table that clients print ({@code meta.k8s.io/v1} {@code Table}).
 *
 * @param isWide whether it is shown only in wide output
 */
record Column(
    String name,
    String format,
    boolean isWide,
    String description,
    Function<ObjectNode, JsonNode> cell) {
  /** The columns of every object: name and age. */
  static final List<Column> USUAL = List.of(ofName(), age());

  static Column ofName() {
    return new Column(
        "Name", "name", false, "Name must be unique within a namespace.", text(Meta::name));
  }

  static Column age() {
    return of("Age", "How long ago it was made.", object -> Ages.of(object, Instant.now()));
  }

  static Column of(String name, String description, Function<ObjectNode, String> cell) {
    return new Column(name, "", false, description, text(cell));
  }

  static Column wide(String name, String description, Function<ObjectNode, String> cell) {
    return new Column(name, "", true, description, text(cell));
  }

  private static Function<ObjectNode, JsonNode> text(Function<ObjectNode, String> cell) {
    return object -> JsonNodeFactory.instance.stringNode(cell.apply(object));
  }
}
