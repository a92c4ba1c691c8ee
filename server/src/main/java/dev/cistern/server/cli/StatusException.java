package dev.cistern.server.cli;

import dev.cistern.server.cli.objects.Quoted;
import java.io.IOException;
import java.util.LinkedHashSet;
import java.util.List;
import tools.jackson.databind.JsonNode;

/** A {@code Status} with which the object API rejected a request. */
final class StatusException extends IOException {
  private static final long serialVersionUID = 1;

  private final String reason;
  private final String line;

  private StatusException(String reason, String message, String line) {
    super(message);
    this.reason = reason;
    this.line = line;
  }

  /** Returns whether an answer is a {@code Status}. */
  static boolean isOne(JsonNode answer) {
    return answer.path("kind").asString("").equals("Status");
  }

  /**
   * Returns the exception for a {@code Status}.
   *
   * @param note the end of the message
   */
  static StatusException of(JsonNode status, String note) {
    String reason = status.path("reason").asString("");
    String message = status.path("message").asString("refused") + note;
    return new StatusException(
        reason, message, reason.equals("Invalid") ? invalid(status) : line(reason, message));
  }

  /** Returns this exception for an operation on an object from a file. */
  StatusException about(String doing, String source) {
    String message = "error when " + doing + " " + Quoted.of(source) + ": " + getMessage();
    boolean isInvalid = reason.equals("Invalid");
    return new StatusException(reason, message, isInvalid ? line : line(reason, message));
  }

  private static String line(String reason, String message) {
    return "Error from server" + (reason.isEmpty() ? "" : " (" + reason + ")") + ": " + message;
  }

  /** Returns the errors of an object, one cause per line if there are several. */
  private static String invalid(JsonNode status) {
    JsonNode details = status.path("details");
    var causes = new LinkedHashSet<String>();
    for (JsonNode cause : details.path("causes")) {
      causes.add(cause.path("field").asString("") + ": " + cause.path("message").asString(""));
    }
    String subject =
        details.has("kind") || details.has("name")
            ? "The %s %s is invalid"
                .formatted(
                    details.path("kind").asString(""), Quoted.of(details.path("name").asString("")))
            : "The request is invalid";
    return switch (causes.size()) {
      case 0 -> subject + (details.has("name") ? "" : ": " + status.path("message").asString(""));
      case 1 -> subject + ": " + causes.getFirst();
      default -> subject + ": \n* " + String.join("\n* ", causes);
    };
  }

  /** Returns whether the reason is one of these words of the API. */
  boolean is(String... reasons) {
    return List.of(reasons).contains(reason);
  }

  /** Returns the text for the user. */
  String line() {
    return line;
  }
}
