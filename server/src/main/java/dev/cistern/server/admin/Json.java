package dev.cistern.server.admin;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.HostileJson;
import dev.cistern.oci.OciException;
import dev.cistern.oci.Texts;
import dev.cistern.server.http.Reply;
import dev.cistern.server.http.Request;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Reader and writer of the JSON bodies of admin commands. */
final class Json {
  private static final int MOST_BODY_BYTES = 1 << 20;

  private Json() {}

  /**
   * Returns the body of a request.
   *
   * @param keys the allowed keys; others are refused, because a misspelled one would change the
   *     effect
   * @throws OciException if the body is not JSON, is longer than 1 MiB, or has another key
   */
  static JsonNode body(Request request, Set<String> keys) {
    try {
      byte[] bytes = request.content(MOST_BODY_BYTES, ErrorCode.SIZE_INVALID);
      request.parses(bytes);
      JsonNode body = HostileJson.OBJECTS.readTree(new String(bytes, UTF_8));
      requireKnown("key", body.propertyNames(), keys);
      return body;
    } catch (JacksonException e) {
      throw wrong("the body is not JSON: " + e.getOriginalMessage());
    } catch (IOException e) {
      throw wrong("the body did not come: " + e.getMessage());
    }
  }

  /**
   * Returns the text of a key.
   *
   * @param expected the expected value for the message, such as {@code an image such as
   *     quay.io/org/app:v1}
   * @throws OciException if the value is missing or is not a string
   */
  static String text(JsonNode body, String key, String expected) {
    JsonNode text = body.path(key);
    if (!text.isString()) {
      throw wrong(key + ": " + expected + " is expected");
    }
    return text.stringValue();
  }

  /** Returns the list of strings of a key; an empty list if the key is missing. */
  static List<String> texts(JsonNode body, String key) {
    var texts = new ArrayList<String>();
    for (JsonNode item : body.path(key)) {
      if (!item.isString()) {
        throw wrong(key + ": a list of texts is expected");
      }
      texts.add(item.stringValue());
    }
    return texts;
  }

  /**
   * Refuses unknown names.
   *
   * @param what the noun for the names in the message
   */
  static void requireKnown(String what, Collection<String> names, Set<String> known) {
    for (String name : names) {
      if (!known.contains(name)) {
        throw wrong(
            "unknown %s %s: expected %s"
                .formatted(
                    what,
                    Texts.shown(name),
                    known.isEmpty() ? "none" : String.join(", ", new TreeSet<>(known))));
      }
    }
  }

  static OciException wrong(String what) {
    return new OciException(ErrorCode.UNKNOWN, what).withStatus(400);
  }

  static ObjectNode object() {
    return JsonMapper.shared().createObjectNode();
  }

  static Reply reply(int status, ObjectNode json) {
    return Reply.status(status).body("application/json", json + "\n");
  }
}
