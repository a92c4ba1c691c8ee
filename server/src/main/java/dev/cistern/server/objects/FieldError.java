package dev.cistern.server.objects;

/**
 * An error in one field of an object, in the words of Kubernetes' validation.
 *
 * @param field the path of the field, such as {@code spec.tags[latest].from.name}
 * @param value the present value; empty if it is not shown
 * @param detail the expected value; may be empty
 */
public record FieldError(Kind kind, String field, String value, String detail) {
  /** The kinds of errors. */
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

  /** Returns the error without the path of the field. */
  String body() {
    String shown = kind.showsValue ? kind.text + ": \"" + value + "\"" : kind.text;
    return detail.isEmpty() ? shown : shown + ": " + detail;
  }

  /** Returns path and error. */
  @Override
  public String toString() {
    return field.isEmpty() ? body() : field + ": " + body();
  }
}
