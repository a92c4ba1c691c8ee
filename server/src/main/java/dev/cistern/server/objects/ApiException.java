package dev.cistern.server.objects;

import java.util.List;
import java.util.stream.Collectors;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * An error of the Kubernetes API. It becomes a {@code Status} object (API conventions, "Response
 * Status Kind"). Clients and scripts match on its texts.
 */
public final class ApiException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final Reason reason;
  private final transient ObjectNode details;

  /** The machine-readable reasons, each with its HTTP status. */
  public enum Reason {
    BAD_REQUEST("BadRequest", 400),
    UNAUTHORIZED("Unauthorized", 401),
    FORBIDDEN("Forbidden", 403),
    NOT_FOUND("NotFound", 404),
    METHOD_NOT_ALLOWED("MethodNotAllowed", 405),
    ALREADY_EXISTS("AlreadyExists", 409),
    CONFLICT("Conflict", 409),
    EXPIRED("Expired", 410),
    TOO_LARGE("RequestEntityTooLarge", 413),
    UNSUPPORTED_MEDIA_TYPE("UnsupportedMediaType", 415),
    INVALID("Invalid", 422),
    TOO_MANY_REQUESTS("TooManyRequests", 429),
    INTERNAL("InternalError", 500),
    SERVICE_UNAVAILABLE("ServiceUnavailable", 503);

    private final String word;
    private final int status;

    Reason(String word, int status) {
      this.word = word;
      this.status = status;
    }

    public String word() {
      return word;
    }

    public int status() {
      return status;
    }
  }

  /**
   * @param message the text for users
   */
  public ApiException(Reason reason, String message) {
    this(reason, message, JsonMapper.shared().createObjectNode());
  }

  private ApiException(Reason reason, String message, ObjectNode details) {
    super(message);
    this.reason = reason;
    this.details = details;
  }

  /** Returns the error for an object that does not exist. */
  public static ApiException notFound(ResourceType type, String name) {
    return about(
        Reason.NOT_FOUND, type, name, "%s \"%s\" not found".formatted(type.resource(), name));
  }

  /** Returns the error for a name that is already in use. */
  public static ApiException alreadyExists(ResourceType type, String name) {
    return about(
        Reason.ALREADY_EXISTS,
        type,
        name,
        "%s \"%s\" already exists".formatted(type.resource(), name));
  }

  /**
   * Returns the error for an object that was changed meanwhile, or that cannot be changed in its
   * present state.
   */
  public static ApiException conflict(ResourceType type, String name, String why) {
    return about(
        Reason.CONFLICT,
        type,
        name,
        "Operation cannot be fulfilled on %s \"%s\": %s".formatted(type.resource(), name, why));
  }

  /** Returns the error for an object that was changed since it was read. */
  public static ApiException modified(ResourceType type, String name) {
    return conflict(
        type,
        name,
        "the object has been modified; please apply your changes to the latest version and try"
            + " again");
  }

  /** Returns the error for a caller without permission. */
  public static ApiException forbidden(ResourceType type, String name, String why) {
    String object = name.isEmpty() ? "" : " \"" + name + "\"";
    return about(
        Reason.FORBIDDEN,
        type,
        name,
        "%s%s is forbidden: %s".formatted(type.resource(), object, why));
  }

  /** Returns the error for an object with invalid fields. */
  public static ApiException invalid(ResourceType type, String name, List<FieldError> errors) {
    String all =
        errors.size() == 1
            ? errors.getFirst().toString()
            : errors.stream().map(FieldError::toString).collect(Collectors.joining(", ", "[", "]"));
    ApiException invalid =
        new ApiException(
            Reason.INVALID, "%s \"%s\" is invalid: %s".formatted(type.qualifiedKind(), name, all));
    invalid.details.put("name", name).put("group", type.group()).put("kind", type.kind());
    ArrayNode causes = invalid.details.putArray("causes");
    for (FieldError error : errors) {
      causes
          .addObject()
          .put("reason", error.kind().reason())
          .put("message", error.body())
          .put("field", error.field());
    }
    return invalid;
  }

  /** Returns the error for an invalid request. */
  public static ApiException badRequest(String message) {
    return new ApiException(Reason.BAD_REQUEST, message);
  }

  private static ApiException about(Reason reason, ResourceType type, String name, String message) {
    var refused = new ApiException(reason, message);
    if (!name.isEmpty()) {
      refused.details.put("name", name);
    }
    if (!type.group().isEmpty()) {
      refused.details.put("group", type.group());
    }
    refused.details.put("kind", type.plural());
    return refused;
  }

  public Reason reason() {
    return reason;
  }

  /** Returns the text for users. */
  public String message() {
    return String.valueOf(getMessage());
  }

  /** Returns the {@code Status} object. */
  public ObjectNode status() {
    ObjectNode status = JsonMapper.shared().createObjectNode();
    status.put("kind", "Status").put("apiVersion", "v1").putObject("metadata");
    status.put("status", "Failure").put("message", message()).put("reason", reason.word());
    if (!details.isEmpty()) {
      status.set("details", details.deepCopy());
    }
    return status.put("code", reason.status());
  }
}
