package dev.cistern.server.objects;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;

/** A filter of the objects in a list ("Labels and Selectors", "Field Selectors"). */
public final class Selector implements Predicate<JsonNode> {
  private static final String KEY = "[A-Za-z0-9][A-Za-z0-9_./-]*+";
  private static final Pattern SET =
      Pattern.compile("(" + KEY + ")\\s++(in|notin)\\s*+\\(([^()]*+)\\)");
  private static final Pattern EQUAL =
      Pattern.compile("(" + KEY + ")\\s*+(==|=|!=)\\s*+([A-Za-z0-9_.-]*+)");
  private static final Pattern THERE = Pattern.compile("(!?)\\s*+(" + KEY + ")");
  private static final Pattern FIELD = Pattern.compile("([A-Za-z.]+)(==|=|!=)(.*)");

  private final List<Predicate<JsonNode>> all;

  private Selector(List<Predicate<JsonNode>> all) {
    this.all = List.copyOf(all);
  }

  /**
   * Parses the parameters {@code labelSelector} and {@code fieldSelector}.
   *
   * @param fields the supported fields, each with the function that returns its value
   * @throws ApiException if a selector is invalid
   */
  public static Selector parse(
      String labels, String fieldTexts, Map<String, Function<JsonNode, String>> fields) {
    var all = new ArrayList<Predicate<JsonNode>>();
    List<Predicate<Map<String, String>>> wanted =
        parts(labels).stream().map(Selector::label).toList();
    if (!wanted.isEmpty()) {
      all.add(object -> {
        Map<String, String> there = Meta.map(object, "labels");
        return wanted.stream().allMatch(label -> label.test(there));
      });
    }
    for (String part : parts(fieldTexts)) {
      all.add(field(part, fields));
    }
    return new Selector(all);
  }

  /** Splits a text at the commas outside parentheses. */
  private static List<String> parts(String text) {
    if (text.isBlank()) {
      return List.of();
    }
    var parts = new ArrayList<String>();
    int from = 0;
    boolean isList = false;
    for (int i = 0; i < text.length(); i++) {
      switch (text.charAt(i)) {
        case '(' -> isList = true;
        case ')' -> isList = false;
        case ',' -> {
          if (!isList) {
            parts.add(text.substring(from, i).strip());
            from = i + 1;
          }
        }
        default -> {} // part of the text
      }
    }
    parts.add(text.substring(from).strip());
    return parts;
  }

  private static Predicate<Map<String, String>> label(String text) {
    Matcher set = SET.matcher(text);
    if (set.matches()) {
      String key = set.group(1);
      Set<String> values =
          Stream.of(set.group(3).split(",", -1)).map(String::strip).collect(Collectors.toSet());
      boolean isIn = set.group(2).equals("in");
      return labels -> isIn == (labels.containsKey(key) && values.contains(labels.get(key)));
    }
    Matcher equal = EQUAL.matcher(text);
    if (equal.matches()) {
      String key = equal.group(1);
      boolean isEqual = !equal.group(2).equals("!=");
      return labels -> isEqual == equal.group(3).equals(labels.get(key));
    }
    Matcher there = THERE.matcher(text);
    if (there.matches()) {
      boolean isThere = there.group(1).isEmpty();
      return labels -> isThere == labels.containsKey(there.group(2));
    }
    throw ApiException.badRequest(
        "unable to parse requirement: \""
            + text
            + "\": KEY=VALUE, KEY!=VALUE, KEY in (VALUES), KEY notin (VALUES), KEY and !KEY are"
            + " expected");
  }

  private static Predicate<JsonNode> field(
      String text, Map<String, Function<JsonNode, String>> fields) {
    Matcher matcher = FIELD.matcher(text);
    if (!matcher.matches()) {
      throw ApiException.badRequest(
          "invalid field selector: " + text + ": FIELD=VALUE is expected");
    }
    Function<JsonNode, String> value = fields.get(matcher.group(1));
    if (value == null) {
      throw ApiException.badRequest("field label not supported: " + matcher.group(1));
    }
    boolean isEqual = !matcher.group(2).equals("!=");
    return object -> isEqual == value.apply(object).equals(matcher.group(3));
  }

  @Override
  public boolean test(JsonNode object) {
    return all.stream().allMatch(one -> one.test(object));
  }
}
