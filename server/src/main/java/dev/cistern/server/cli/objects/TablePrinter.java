package dev.cistern.server.cli.objects;

import dev.cistern.server.objects.Ages;
import dev.cistern.server.objects.Meta;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Printer of the tables that a server sends ({@code meta.k8s.io/v1 Table}), like {@code kubectl
 * get}. The header precedes the first rows, and columns never become narrower.
 */
public final class TablePrinter {
  private static final int LEAST = 6;
  private static final int PADDING = 3;
  private static final Pattern END_OF_LINE = Pattern.compile("[\f\n\r]");

  private final TableStyle style;
  private final List<Integer> widths = new ArrayList<>();
  private JsonNode columns = JsonMapper.shared().createArrayNode();
  private boolean hasHead;

  public TablePrinter(TableStyle style) {
    this.style = style;
  }

  /** Returns the lines for the rows of tables, or for objects of which the server has no tables. */
  public String print(List<JsonNode> answers) {
    var lines = new ArrayList<List<String>>();
    for (JsonNode answer : answers) {
      JsonNode table = answer.path("kind").asString("").equals("Table") ? answer : plain(answer);
      if (!table.path("columnDefinitions").isEmpty()) {
        columns = table.path("columnDefinitions");
      }
      for (JsonNode row : table.path("rows")) {
        if (!hasHead) {
          lines.add(head());
          hasHead = true;
        }
        lines.add(cells(row));
      }
    }
    lines.forEach(this::widen);
    var text = new StringBuilder();
    lines.forEach(line -> append(text, line));
    return text.toString();
  }

  /** Returns a table with only the name and age of an object. */
  private static JsonNode plain(JsonNode object) {
    ObjectNode table = JsonMapper.shared().createObjectNode();
    ArrayNode definitions = table.putArray("columnDefinitions");
    definitions.addObject().put("name", "Name").put("format", "name");
    definitions.addObject().put("name", "Age");
    ObjectNode row = table.putArray("rows").addObject();
    row.putArray("cells").add(Meta.name(object)).add(Ages.of(object, Instant.now()));
    row.set("object", object);
    return table;
  }

  private List<String> head() {
    var cells = new ArrayList<String>();
    if (style.hasNamespace()) {
      cells.add("NAMESPACE");
    }
    for (JsonNode column : columns) {
      if (isShown(column)) {
        cells.add(column.path("name").asString("").toUpperCase(Locale.ROOT));
      }
    }
    if (style.hasLabels()) {
      cells.add("LABELS");
    }
    return cells;
  }

  private boolean isShown(JsonNode column) {
    return style.isWide() || column.path("priority").asInt(0) == 0;
  }

  private List<String> cells(JsonNode row) {
    var cells = new ArrayList<String>();
    if (style.hasNamespace()) {
      cells.add(Meta.namespace(row.path("object")));
    }
    for (int i = 0; i < columns.size(); i++) {
      JsonNode column = columns.path(i);
      if (isShown(column)) {
        boolean isName = column.path("format").asString("").equals("name");
        String kind = isName && !style.kind().isEmpty() ? style.kind() + "/" : "";
        cells.add(kind + cell(row.path("cells").path(i)));
      }
    }
    if (style.hasLabels()) {
      cells.add(labels(row.path("object")));
    }
    return cells;
  }

  /** Returns the first line of a value, with control characters replaced. */
  private static String cell(JsonNode value) {
    String text = value.isString() ? value.asString("") : value.isNull() ? "" : value.toString();
    Matcher end = END_OF_LINE.matcher(text);
    String line = end.find() ? text.substring(0, end.start()) + "..." : text;
    return line.replace("\u001b", "^[").replaceAll("\\p{Cntrl}", " ");
  }

  private static String labels(JsonNode object) {
    List<String> labels =
        Meta.map(object, "labels").entrySet().stream()
            .map(label -> label.getKey() + "=" + label.getValue())
            .sorted()
            .toList();
    return labels.isEmpty() ? "<none>" : String.join(",", labels);
  }

  private void widen(List<String> line) {
    for (int i = 0; i < line.size() - 1; i++) {
      int width = Math.max(LEAST, length(line.get(i)) + PADDING);
      if (i == widths.size()) {
        widths.add(width);
      }
      widths.set(i, Math.max(widths.get(i), width));
    }
  }

  private void append(StringBuilder text, List<String> line) {
    for (int i = 0; i < line.size(); i++) {
      text.append(line.get(i));
      if (i < line.size() - 1) {
        text.repeat(" ", widths.get(i) - length(line.get(i)));
      }
    }
    text.append('\n');
  }

  private static int length(String cell) {
    return cell.codePointCount(0, cell.length());
  }
}
