package dev.cistern.server.config;

/** A refused configuration. The message names the location of the error and the expected value. */
public final class ConfigException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public ConfigException(String message) {
    super(message);
  }
}
