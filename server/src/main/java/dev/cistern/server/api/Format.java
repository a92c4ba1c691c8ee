package dev.cistern.server.api;

import dev.cistern.server.http.Request;
import dev.cistern.server.objects.ResourceType;
import java.util.List;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The format of objects in a response: objects, or rows of a table. */
enum Format {
  OBJECTS,
  /** Rows that contain the metadata of their objects. */
  TABLE,
  /** Rows that contain their whole objects. */
  TABLE_OF_OBJECTS;

  private static final String TABLE_KIND = "Table";
  private static final String META = "meta.k8s.io/v1";

  /** Returns the requested format: the first known one of the {@code Accept} header, or objects. */
  static Format of(Request request) {
    for (String wanted : request.header("Accept").orElse("").split(",", -1)) {
      List<String> parts = List.of(wanted.replace(" ", "").split(";", -1));
      if (parts.contains("as=Table") && parts.contains("g=meta.k8s.io") && parts.contains("v=v1")) {
        return request.query().first("includeObject").filter("Object"::equals).isPresent()
            ? TABLE_OF_OBJECTS
            : TABLE;
      }
      if (parts.getFirst().equals("application/json") && parts.stream().noneMatch(Format::isAs)) {
        return OBJECTS;
      }
    }
    return OBJECTS;
  }

  private static boolean isAs(String part) {
    return part.startsWith("as=");
  }

  boolean isTable() {
    return this != OBJECTS;
  }

  /** Returns a table of objects. */
  ObjectNode table(List<Column> columns, List<ObjectNode> objects) {
    ObjectNode table = JsonMapper.shared().createObjectNode();
    table.put("kind", TABLE_KIND).put("apiVersion", META).putObject("metadata");
    table.set("columnDefinitions", definitions(columns));
    ArrayNode rows = table.putArray("rows");
    objects.forEach(object -> rows.add(row(columns, object)));
    return table;
  }

  private static ArrayNode definitions(List<Column> columns) {
    ArrayNode definitions = JsonMapper.shared().createArrayNode();
    for (Column column : columns) {
      definitions
          .addObject()
          .put("name", column.name())
          .put("type", "string")
          .put("format", column.format())
          .put("description", column.description())
          .put("priority", column.isWide() ? 1 : 0);
    }
    return definitions;
  }

  private ObjectNode row(List<Column> columns, ObjectNode object) {
    ObjectNode row = JsonMapper.shared().createObjectNode();
    ArrayNode cells = row.putArray("cells");
    columns.forEach(column -> cells.add(column.cell().apply(object)));
    if (this == TABLE_OF_OBJECTS) {
      row.set("object", object);
    } else {
      row.putObject("object")
          .put("kind", "PartialObjectMetadata")
          .put("apiVersion", META)
          .set("metadata", object.path("metadata"));
    }
    return row;
  }

  /** Returns the beginning of a list, up to its items. */
  String head(ResourceType type, List<Column> columns) {
    return isTable()
        ? "{\"kind\":\"Table\",\"apiVersion\":\""
            + META
            + "\",\"columnDefinitions\":"
            + definitions(columns)
            + ",\"rows\":["
        : "{\"kind\":\""
            + type.kind()
            + "List\",\"apiVersion\":\""
            + type.apiVersion()
            + "\",\"items\":[";
  }

  /** Returns one item of a list as text. */
  String item(List<Column> columns, ObjectNode object) {
    return isTable() ? row(columns, object).toString() : object.toString();
  }
}
