package dev.cistern.server.cli.objects;

import java.util.Map;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Objects as YAML in the format of {@code kubectl get}. Fields are in alphabetical order, and a
 * text is quoted only where it would otherwise be parsed as something else.
 */
public final class YamlText {
  private static final Pattern BEGINNING = Pattern.compile("[\\w./$(+<;^]|-[^\\s-]");
  private static final Pattern OTHER_TYPE =
      Pattern.compile(
          "(?i:y|n|yes|no|on|off|true|false|null|~|<<|=|[-+]?\\.(?:inf|nan))"
              + "|[-+]?0(?:[xX][0-9a-fA-F_]+|[bB][01_]+|[oO][0-7_]+)"
              + "|[-+]?(?:[0-9][0-9_]*(?:\\.[0-9_]*)?|\\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?"
              + "|[-+]?[0-9]+(?::[0-5]?[0-9])+(?:\\.[0-9]*)?"
              + "|\\d{4}-\\d\\d?-\\d\\d?(?:[Tt ].*)?");

  private final StringBuilder text = new StringBuilder();

  private YamlText() {}

  /** Returns a value as YAML. */
  public static String of(JsonNode value) {
    var yaml = new YamlText();
    yaml.block(ObjectText.sorted(value), "");
    return yaml.text.toString();
  }

  /** Writes a value at the start of a line, or after the indicator that starts the line. */
  private void block(JsonNode value, String indent) {
    switch (value) {
      case ObjectNode object when !object.isEmpty() -> fields(object, indent, true);
      case ArrayNode array when !array.isEmpty() -> items(array, indent);
      default -> text.append(scalar(value, indent)).append('\n');
    }
  }

  private void fields(ObjectNode object, String indent, boolean isFirstPlaced) {
    boolean isPlaced = isFirstPlaced;
    for (Map.Entry<String, JsonNode> field : object.properties()) {
      text.append(isPlaced ? "" : indent).append(quoted(field.getKey())).append(':');
      isPlaced = false;
      switch (field.getValue()) {
        case ObjectNode inner when !inner.isEmpty() -> {
          text.append('\n');
          fields(inner, indent + "  ", false);
        }
        case ArrayNode inner when !inner.isEmpty() -> {
          text.append('\n').append(indent);
          items(inner, indent);
        }
        default -> text.append(' ').append(scalar(field.getValue(), indent)).append('\n');
      }
    }
  }

  private void items(ArrayNode array, String indent) {
    boolean isFirst = true;
    for (JsonNode item : array) {
      text.append(isFirst ? "" : indent).append("- ");
      isFirst = false;
      block(item, indent + "  ");
    }
  }

  private static String scalar(JsonNode value, String indent) {
    if (!value.isString()) {
      return value.toString(); // includes {} and []
    }
    String text = value.asString("");
    return text.contains("\n") && isLiteral(text) ? literal(text, indent) : quoted(text);
  }

  private static boolean isLiteral(String text) {
    return !text.startsWith(" ")
        && !text.startsWith("\n")
        && text.chars().noneMatch(one -> one < ' ' && one != '\n' && one != '\t');
  }

  private static String literal(String text, String indent) {
    String end = text.endsWith("\n\n") ? "+" : text.endsWith("\n") ? "" : "-";
    String body = text.endsWith("\n") ? text.substring(0, text.length() - 1) : text;
    return "|" + end + "\n" + (indent + "  " + body).replaceAll("\n(?!\n|$)", "\n" + indent + "  ");
  }

  private static String quoted(String text) {
    if (text.isEmpty() || OTHER_TYPE.matcher(text).matches()) {
      return Quoted.of(text);
    }
    if (isPlain(text)) {
      return text;
    }
    boolean isPrintable = text.chars().noneMatch(Character::isISOControl);
    return isPrintable ? "'" + text.replace("'", "''") + "'" : Quoted.of(text);
  }

  /** Returns whether a text has no indicator at its start, and no key or comment inside. */
  private static boolean isPlain(String text) {
    return BEGINNING.matcher(text).lookingAt()
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.endsWith(":")
        && !text.endsWith(" ")
        && text.chars().noneMatch(Character::isISOControl);
  }
}
