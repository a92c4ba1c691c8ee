package dev.cistern.server.streams;

import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.temporal.ChronoUnit;
import tools.jackson.databind.JsonNode;

/** Times as objects have them: RFC 3339, in seconds. */
final class Times {
  private Times() {}

  static Instant parse(JsonNode json) {
    return parse(json.asString(""));
  }

  static Instant parse(String text) {
    try {
      return OffsetDateTime.parse(text).toInstant();
    } catch (DateTimeException e) {
      return Instant.EPOCH; // what says no time is as old as can be
    }
  }

  static String text(Instant time) {
    return time.truncatedTo(ChronoUnit.SECONDS).toString();
  }
}
