package dev.cistern.server.objects;

import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import tools.jackson.databind.JsonNode;

/** Durations in the words of command-line tools. */
public final class Ages {
  private Ages() {}

  /** Returns the age of an object, such as {@code 3m12s}, in the form of {@code kubectl get}. */
  public static String of(JsonNode object, Instant now) {
    String made = Meta.text(object, "creationTimestamp");
    if (made.isEmpty()) {
      return "<unknown>";
    }
    Duration age = Duration.between(OffsetDateTime.parse(made).toInstant(), now);
    long seconds = Math.max(0, age.toSeconds());
    long minutes = seconds / 60;
    long hours = minutes / 60;
    if (seconds < 120) {
      return seconds + "s";
    } else if (minutes < 10) {
      return minutes + "m" + rest(seconds % 60, "s");
    } else if (hours < 3) {
      return minutes + "m";
    } else if (hours < 8) {
      return hours + "h" + rest(minutes % 60, "m");
    } else if (hours < 48) {
      return hours + "h";
    } else if (hours < 24 * 8) {
      return hours / 24 + "d" + rest(hours % 24, "h");
    } else if (hours < 24 * 365 * 2) {
      return hours / 24 + "d";
    } else if (hours < 24 * 365 * 8) {
      return hours / 24 / 365 + "y" + rest(hours / 24 % 365, "d");
    }
    return hours / 24 / 365 + "y";
  }

  private static String rest(long number, String unit) {
    return number == 0 ? "" : number + unit;
  }

  /** Returns a duration such as {@code 3 minutes}, in the words of go-units. */
  public static String between(Instant then, Instant now) {
    Duration age = Duration.between(then, now);
    long seconds = Math.max(0, age.toSeconds());
    long minutes = seconds / 60;
    long hours = Math.round(age.toMillis() / 3_600_000.0);
    if (seconds < 1) {
      return "Less than a second";
    } else if (seconds == 1) {
      return "1 second";
    } else if (seconds < 60) {
      return seconds + " seconds";
    } else if (minutes == 1) {
      return "About a minute";
    } else if (minutes < 60) {
      return minutes + " minutes";
    } else if (hours == 1) {
      return "About an hour";
    } else if (hours < 48) {
      return hours + " hours";
    } else if (hours < 24 * 7 * 2) {
      return hours / 24 + " days";
    } else if (hours < 24 * 30 * 2) {
      return hours / 24 / 7 + " weeks";
    } else if (hours < 24 * 365 * 2) {
      return hours / 24 / 30 + " months";
    }
    return age.toHours() / 24 / 365 + " years";
  }
}
