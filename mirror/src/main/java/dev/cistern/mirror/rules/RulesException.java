package dev.cistern.mirror.rules;

/** Thrown when rules are invalid. The message names the file, the field and the expected value. */
public final class RulesException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public RulesException(String message) {
    super(message);
  }
}
