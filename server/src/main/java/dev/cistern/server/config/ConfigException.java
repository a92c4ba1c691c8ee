package dev.cistern.server.config;

/** A configuration that is refused; the message names the place and what would be right. */
public final class ConfigException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public ConfigException(String message) {
    super(message);
  }
}
