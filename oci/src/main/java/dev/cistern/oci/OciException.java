package dev.cistern.oci;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A request that cannot be answered as asked; becomes the error body of the specification. */
public final class OciException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final ErrorCode code;
  private final int status;
  private final @Nullable String advice;
  private final @Nullable Duration retryAfter;

  public OciException(ErrorCode code, String message) {
    this(code, code.status(), message, null, null);
  }

  public OciException(ErrorCode code, String message, String advice) {
    this(code, code.status(), message, advice, null);
  }

  private OciException(
      ErrorCode code,
      int status,
      String message,
      @Nullable String advice,
      @Nullable Duration retryAfter) {
    super(message);
    this.code = code;
    this.status = status;
    this.advice = advice;
    this.retryAfter = retryAfter;
  }

  /** Returns the same error, sent with another status. */
  public OciException withStatus(int other) {
    return new OciException(code, other, message(), advice, retryAfter);
  }

  /** Returns the same error, sent with the advice to try again after {@code delay}. */
  public OciException withRetryAfter(Duration delay) {
    return new OciException(code, status, message(), advice, delay);
  }

  /** Returns the same error with more that is wrong. */
  public OciException and(List<String> more) {
    return more.isEmpty()
        ? this
        : new OciException(
            code, status, message() + "; " + String.join("; ", more), advice, retryAfter);
  }

  /** Returns the code to send. */
  public ErrorCode code() {
    return code;
  }

  /** Returns the HTTP status to send. */
  public int status() {
    return status;
  }

  /** Returns what is wrong, for a person. */
  public String message() {
    return String.valueOf(getMessage());
  }

  /** Returns what the person can do about it. */
  public Optional<String> advice() {
    return Optional.ofNullable(advice);
  }

  /** Returns after which time it may be tried again. */
  public Optional<Duration> retryAfter() {
    return Optional.ofNullable(retryAfter);
  }
}
