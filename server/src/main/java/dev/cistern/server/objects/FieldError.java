package dev.cistern.server.objects;

/**
 * What is wrong with one field of an object, in the words of Kubernetes' validation.
 *
 * @param field its path, such as {@code spec.tags[latest].from.name}
 * @param value what is there; empty where it is not shown
 * @param detail what would be right; may be empty
 */
public record FieldError(Kind kind, String field, String value, String detail) {
  /** In which way it is wrong. */
  public enum Kind {
    REQUIRED("Required value", "FieldValueRequired", false),
    INVALID("Invalid value", "FieldValueInvalid", true),
    FORBIDDEN("Forbidden", "FieldValueForbidden", false),
    NOT_FOUND("Not found", "FieldValueNotFound", true),
    TOO_LONG("Too long", "FieldValueTooLong", false);

    private final String text;
    private final String reason;
    private final boolean showsValue;

    Kind(String text, String reason, boolean showsValue) {
      this.text = text;
      this.reason = reason;
      this.showsValue = showsValue;
    }

    String reason() {
      return reason;
    }
  }

  public static FieldError required(String field, String detail) {
    return new FieldError(Kind.REQUIRED, field, "", detail);
  }

  public static FieldError invalid(String field, String value, String detail) {
    return new FieldError(Kind.INVALID, field, value, detail);
  }

  public static FieldError forbidden(String field, String detail) {
    return new FieldError(Kind.FORBIDDEN, field, "", detail);
  }

  public static FieldError notFound(String field, String value) {
    return new FieldError(Kind.NOT_FOUND, field, value, "");
  }

  public static FieldError tooLong(String field, int mostBytes) {
    return new FieldError(Kind.TOO_LONG, field, "", "may not be more than " + mostBytes + " bytes");
  }

  /** Returns what is said of it without its path. */
  String body() {
    String shown = kind.showsValue ? kind.text + ": \"" + value + "\"" : kind.text;
    return detail.isEmpty() ? shown : shown + ": " + detail;
  }

  /** Returns path and complaint. */
  @Override
  public String toString() {
    return field.isEmpty() ? body() : field + ": " + body();
  }
}
