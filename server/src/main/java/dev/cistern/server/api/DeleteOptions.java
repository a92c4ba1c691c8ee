package dev.cistern.server.api;

import dev.cistern.oci.Texts;
import dev.cistern.server.objects.ApiException;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The options in the body of a DELETE ({@code meta/v1 DeleteOptions}). As with {@link Parameter},
 * no field is ignored silently; null is like an absent field.
 *
 * @param isDryRun whether nothing is deleted
 * @param preconditions the required {@code uid} and {@code resourceVersion} of the object
 */
record DeleteOptions(boolean isDryRun, JsonNode preconditions) {
  private static final Set<String> POLICIES = Set.of("Orphan", "Background", "Foreground");

  private static final Map<String, Field> FIELDS =
      Map.of(
          "kind", new Field("\"DeleteOptions\" is expected", isText(Set.of("DeleteOptions"))),
          "apiVersion", new Field("a string is expected", JsonNode::isString),
          "gracePeriodSeconds",
              new Field(
                  "a number from 0 is expected",
                  value ->
                      value.isIntegralNumber()
                          && value.canConvertToLong()
                          && value.longValue() >= 0),
          "preconditions", new Field("an object is expected", JsonNode::isObject),
          "orphanDependents", new Field("true or false is expected", JsonNode::isBoolean),
          "propagationPolicy",
              new Field(
                  "supported values: \"Background\", \"Foreground\", \"Orphan\"", isText(POLICIES)),
          "dryRun",
              new Field(
                  "supported values: [\"All\"]",
                  value -> value.isArray() && value.valueStream().allMatch(isText(Set.of("All")))),
          "ignoreStoreReadErrorWithClusterBreakingPotential",
              new Field(
                  "supported values: false", value -> value.isBoolean() && !value.booleanValue()));

  private static final Field TEXT = new Field("a string is expected", JsonNode::isString);

  /** The type of a field. */
  private record Field(String expected, Predicate<JsonNode> isValid) {
    void check(String name, JsonNode value) {
      if (!value.isNull() && !isValid.test(value)) {
        throw ApiException.badRequest(
            "%s: %s, found %s".formatted(name, expected, Texts.cut(value.toString())));
      }
    }
  }

  private static Predicate<JsonNode> isText(Set<String> values) {
    return value -> value.isString() && values.contains(value.stringValue());
  }

  /**
   * Parses options; an object without fields has none.
   *
   * @throws ApiException with BadRequest, naming the field that is unknown or has an unsupported
   *     value
   */
  static DeleteOptions read(ObjectNode json) {
    json.properties()
        .forEach(property -> {
          Field field = FIELDS.get(property.getKey());
          if (field == null) {
            throw unknown(property.getKey());
          }
          field.check(property.getKey(), property.getValue());
        });
    JsonNode preconditions = json.path("preconditions");
    preconditions
        .properties()
        .forEach(property -> {
          if (!Set.of("uid", "resourceVersion").contains(property.getKey())) {
            throw unknown("preconditions." + property.getKey());
          }
          TEXT.check("preconditions." + property.getKey(), property.getValue());
        });
    if (json.hasNonNull("orphanDependents") && json.hasNonNull("propagationPolicy")) {
      throw ApiException.badRequest("orphanDependents and propagationPolicy cannot both be set");
    }
    return new DeleteOptions(!json.path("dryRun").isEmpty(), preconditions);
  }

  private static ApiException unknown(String field) {
    return ApiException.badRequest("DeleteOptions: unknown field " + Texts.shown(field));
  }

  /** Returns a precondition; "" if it is not set. */
  String precondition(String key) {
    JsonNode value = preconditions.path(key);
    return value.isString() ? value.stringValue() : "";
  }
}
