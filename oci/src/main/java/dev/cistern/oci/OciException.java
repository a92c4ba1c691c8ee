package dev.cistern.oci;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Thrown when a request cannot be fulfilled; becomes the error body of the specification. */
public final class OciException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final ErrorCode code;
  private final int status;
  private final @Nullable String advice;
  private final @Nullable Duration retryAfter;
  private final @Nullable String challenge;

  public OciException(ErrorCode code, String message) {
    this(code, code.status(), message, null, null, null);
  }

  public OciException(ErrorCode code, String message, String advice) {
    this(code, code.status(), message, advice, null, null);
  }

  private OciException(
      ErrorCode code,
      int status,
      String message,
      @Nullable String advice,
      @Nullable Duration retryAfter,
      @Nullable String challenge) {
    super(message);
    this.code = code;
    this.status = status;
    this.advice = advice;
    this.retryAfter = retryAfter;
    this.challenge = challenge;
  }

  /** Returns this error with another HTTP status. */
  public OciException withStatus(int other) {
    return new OciException(code, other, message(), advice, retryAfter, challenge);
  }

  /** Returns this error with the advice to retry after {@code delay}. */
  public OciException withRetryAfter(Duration delay) {
    return new OciException(code, status, message(), advice, delay, challenge);
  }

  /**
   * Returns this error with a challenge that names the required credentials (RFC 9110 section
   * 11.6.1).
   */
  public OciException withChallenge(String wwwAuthenticate) {
    return new OciException(code, status, message(), advice, retryAfter, wwwAuthenticate);
  }

  /** Returns this error with further reasons in its message. */
  public OciException and(List<String> more) {
    return more.isEmpty()
        ? this
        : new OciException(
            code,
            status,
            message() + "; " + String.join("; ", more),
            advice,
            retryAfter,
            challenge);
  }

  /** Returns the error code to send. */
  public ErrorCode code() {
    return code;
  }

  /** Returns the HTTP status to send. */
  public int status() {
    return status;
  }

  /** Returns the reason in words. */
  public String message() {
    return String.valueOf(getMessage());
  }

  /** Returns the advice for the user, if any. */
  public Optional<String> advice() {
    return Optional.ofNullable(advice);
  }

  /** Returns the delay before a retry, if one is advised. */
  public Optional<Duration> retryAfter() {
    return Optional.ofNullable(retryAfter);
  }

  /** Returns the value of WWW-Authenticate to send, if any. */
  public Optional<String> challenge() {
    return Optional.ofNullable(challenge);
  }
}
