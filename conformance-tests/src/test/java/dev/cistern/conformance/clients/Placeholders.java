package dev.cistern.conformance.clients;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * What differs from run to run, by a name for it: texts that are known before, and the revisions
 * and identities that the answers so far gave to objects.
 */
final class Placeholders {
  private static final Pattern OF_ANSWER =
      Pattern.compile("\\{\\{(\\d+)\\.(resourceVersion|uid)\\}\\}");
  private static final List<String> GIVEN = List.of("resourceVersion", "uid");

  private final Map<String, String> names;
  private final List<JsonNode> answers = new ArrayList<>();

  Placeholders(Map<String, String> names) {
    this.names = new LinkedHashMap<>(names);
  }

  /** Remembers an answer. */
  void answered(byte[] body) {
    try {
      answers.add(JsonMapper.shared().readTree(body));
    } catch (JacksonException e) {
      answers.add(JsonMapper.shared().missingNode()); // a table, or nothing
    }
  }

  /** Returns a text with names for what differs. */
  String hidden(String text) {
    String hidden = text;
    for (Map.Entry<String, String> name : names.entrySet()) {
      hidden = hidden.replace(name.getValue(), "{{" + name.getKey() + "}}");
    }
    for (int i = answers.size() - 1; i >= 0; i--) {
      for (String key : GIVEN) {
        String value = answers.get(i).path("metadata").path(key).asString("");
        if (!value.isEmpty()) {
          hidden =
              hidden.replace(
                  "\"" + key + "\":\"" + value + "\"",
                  "\"" + key + "\":\"{{" + i + "." + key + "}}\"");
        }
      }
    }
    return hidden;
  }

  /** Returns a text with what its names stand for now. */
  String shown(String text) {
    String shown = text;
    for (Map.Entry<String, String> name : names.entrySet()) {
      shown = shown.replace("{{" + name.getKey() + "}}", name.getValue());
    }
    return OF_ANSWER
        .matcher(shown)
        .replaceAll(found ->
            Matcher.quoteReplacement(
                answers
                    .get(Integer.parseInt(found.group(1)))
                    .path("metadata")
                    .path(found.group(2))
                    .asString("")));
  }
}
