package dev.cistern.mirror.rules;

/** Rules that are refused; the message names file and field, and says what would be right. */
public final class RulesException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public RulesException(String message) {
    super(message);
  }
}
