package dev.cistern.server.api;

import static dev.cistern.server.api.ApiVerb.APPLY;
import static dev.cistern.server.api.ApiVerb.CREATE;
import static dev.cistern.server.api.ApiVerb.DELETE;
import static dev.cistern.server.api.ApiVerb.GET;
import static dev.cistern.server.api.ApiVerb.LIST;
import static dev.cistern.server.api.ApiVerb.PATCH;
import static dev.cistern.server.api.ApiVerb.UPDATE;
import static dev.cistern.server.api.ApiVerb.WATCH;

import dev.cistern.oci.Texts;
import dev.cistern.server.http.Query;
import dev.cistern.server.objects.ApiException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * The query parameters of the Kubernetes API ("API Concepts"), each with the requests it applies to
 * and its supported values. No parameter is ignored silently. A parameter that does not apply to
 * the request is refused, and so is an unsupported value.
 *
 * <p>Some parameters are accepted without effect, because the server always behaves as they
 * request. {@code fieldManager} and {@code force}: no managed fields are stored, so there are no
 * conflicts. {@code propagationPolicy}, {@code orphanDependents} and {@code gracePeriodSeconds}:
 * objects have no dependents and are deleted immediately. {@code allowWatchBookmarks}: no bookmarks
 * are sent. The same applies to {@code timeout} and {@code pretty}.
 */
enum Parameter {
  DRY_RUN("dryRun", EnumSet.of(CREATE, UPDATE, PATCH, APPLY, DELETE), "All"),
  FIELD_MANAGER("fieldManager", Values.WRITES, Pattern.compile("\\p{Print}{0,128}"), "a name"),
  FIELD_VALIDATION("fieldValidation", Values.WRITES, "Ignore", "Warn", "Strict"),
  FORCE("force", EnumSet.of(APPLY), "true", "false", "1", "0"),
  PROPAGATION_POLICY("propagationPolicy", EnumSet.of(DELETE), "Orphan", "Background", "Foreground"),
  ORPHAN_DEPENDENTS("orphanDependents", EnumSet.of(DELETE), "true", "false", "1", "0"),
  GRACE_PERIOD("gracePeriodSeconds", EnumSet.of(DELETE), Values.NUMBER, "a number"),
  IGNORE_READ_ERRORS(
      "ignoreStoreReadErrorWithClusterBreakingPotential", EnumSet.of(DELETE), "false", "0"),
  RESOURCE_VERSION(
      "resourceVersion", Values.READS, Pattern.compile("\\d{0,18}"), "that of an object or list"),
  RESOURCE_VERSION_MATCH("resourceVersionMatch", EnumSet.of(LIST, WATCH), "Exact", "NotOlderThan"),
  LABEL_SELECTOR("labelSelector", EnumSet.of(LIST, WATCH), Values.ANY, "a selector"),
  FIELD_SELECTOR("fieldSelector", EnumSet.of(LIST, WATCH), Values.ANY, "a selector"),
  LIMIT("limit", EnumSet.of(LIST, WATCH), Values.NUMBER, "a number"),
  CONTINUE("continue", EnumSet.of(LIST), Values.ANY, "that of a list"),
  WATCHES("watch", EnumSet.of(LIST, WATCH), "true", "false", "1", "0"),
  SEND_INITIAL_EVENTS("sendInitialEvents", EnumSet.of(WATCH), "true", "false", "1", "0"),
  ALLOW_WATCH_BOOKMARKS("allowWatchBookmarks", EnumSet.of(LIST, WATCH), "true", "false", "1", "0"),
  TIMEOUT_SECONDS("timeoutSeconds", EnumSet.of(LIST, WATCH), Values.NUMBER, "a number"),
  INCLUDE_OBJECT("includeObject", Values.READS, "None", "Metadata", "Object"),
  TIMEOUT(
      "timeout",
      EnumSet.allOf(ApiVerb.class),
      Pattern.compile("\\d+|(?:\\d+(?:\\.\\d+)?(?:h|m|s|ms|us|ns))+"),
      "a duration"),
  PRETTY("pretty", EnumSet.allOf(ApiVerb.class), "true", "false", "1", "0", "");

  private static final int MAX_WARNINGS = 10;

  private final String key;

  @SuppressWarnings("ImmutableEnumChecker") // an unmodifiable copy
  private final Set<ApiVerb> verbs;

  private final Pattern values;
  private final String expected;

  /** Rules that several parameters share. */
  private static final class Values {
    static final Set<ApiVerb> READS = EnumSet.of(GET, LIST, WATCH);
    static final Set<ApiVerb> WRITES = EnumSet.of(CREATE, UPDATE, PATCH, APPLY);
    static final Pattern NUMBER = Pattern.compile("\\d{1,18}");
    static final Pattern ANY = Pattern.compile("(?s).*");

    private Values() {}
  }

  Parameter(String key, Set<ApiVerb> verbs, String... values) {
    this(
        key,
        verbs,
        Pattern.compile(String.join("|", Arrays.stream(values).map(Pattern::quote).toList())),
        "supported values: "
            + String.join(
                ", ",
                Arrays.stream(values)
                    .filter(value -> !value.isEmpty())
                    .map(value -> "\"" + value + "\"")
                    .toList()));
  }

  Parameter(String key, Set<ApiVerb> verbs, Pattern values, String expected) {
    this.key = key;
    this.verbs = Set.copyOf(verbs);
    this.values = values;
    this.expected = expected;
  }

  private static Optional<Parameter> of(String key) {
    return Arrays.stream(values()).filter(parameter -> parameter.key.equals(key)).findFirst();
  }

  /**
   * Checks all parameters of a request.
   *
   * @return warnings for the client about unknown parameters of a request that only reads
   * @throws ApiException with BadRequest, naming a parameter that does not apply to this request or
   *     has an unsupported value. The same applies to an unknown parameter of a request that
   *     changes objects.
   */
  static List<String> check(ApiVerb verb, Query query) {
    var warnings = new ArrayList<String>();
    for (String key : query.names()) {
      Optional<Parameter> parameter = of(key);
      if (parameter.isPresent()) {
        parameter.get().check(verb, query.all(key));
      } else if (verb.isChange()) {
        throw ApiException.badRequest("unknown query parameter " + Texts.shown(key));
      } else if (warnings.size() < MAX_WARNINGS) {
        warnings.add("unknown query parameter " + Texts.shown(key));
      }
    }
    return warnings;
  }

  private void check(ApiVerb verb, List<String> sent) {
    if (!verbs.contains(verb)) {
      throw ApiException.badRequest(
          "the query parameter %s does not apply to %s%s"
              .formatted(
                  key,
                  verb.name().toLowerCase(Locale.ROOT),
                  this == WATCHES ? ": watch the list with fieldSelector=metadata.name=NAME" : ""));
    }
    for (String value : sent) {
      if (!values.matcher(value).matches()) {
        throw ApiException.badRequest(
            "%s: unsupported value %s: %s".formatted(key, Texts.shown(value), expected()));
      }
      if (!value.equals(sent.getFirst())) {
        throw ApiException.badRequest("%s: different values".formatted(key));
      }
    }
  }

  private String expected() {
    return expected.startsWith("supported") ? expected : expected + " is expected";
  }
}
