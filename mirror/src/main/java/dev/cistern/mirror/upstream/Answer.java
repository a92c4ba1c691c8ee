package dev.cistern.mirror.upstream;

import java.time.Duration;
import java.util.Optional;

/** The result of a request to an upstream. The caller decides what follows from it. */
public sealed interface Answer<T> {
  /** The reason if a request over TLS was answered over plain HTTP. */
  String PLAIN_HTTP = "it speaks plain HTTP, not TLS";

  /** The reason if memory is short. */
  String NO_MEMORY = "no memory is left for its answer";

  /** The upstream has the content. */
  record Found<T>(T value) implements Answer<T> {}

  /** The upstream does not have the content (404). */
  record Missing<T>() implements Answer<T> {}

  /** The upstream denies access (401, 403, or no token was issued). */
  record Refused<T>(String reason) implements Answer<T> {}

  /** The upstream would have to ask this server (508), because the mirrors point at each other. */
  record Circle<T>() implements Answer<T> {}

  /** The upstream throttles requests and asks for a later retry (429). */
  record Throttled<T>(Optional<Duration> retryAfter) implements Answer<T> {}

  /**
   * The upstream cannot be reached or does not work (connection, TLS, timeout, 5xx, malformed
   * response).
   *
   * @param retryAfter the delay before a retry, if the upstream specified one (503)
   */
  record Unreachable<T>(String reason, Optional<Duration> retryAfter) implements Answer<T> {
    public Unreachable(String reason) {
      this(reason, Optional.empty());
    }
  }

  /** This server has no memory or connection left for the request. The upstream may work. */
  record Busy<T>(String reason) implements Answer<T> {}

  /** Returns the delay before a retry, if the upstream specified one. */
  default Optional<Duration> retryAfter() {
    return Optional.empty();
  }

  /** Returns this answer, which is not {@link Found}, as the answer to another request. */
  static <T> Answer<T> failure(Answer<?> answer) {
    return switch (answer) {
      case Found<?> found -> throw new IllegalArgumentException("not a failure: " + found);
      case Missing<?> missing -> new Missing<>();
      case Refused<?>(String reason) -> new Refused<>(reason);
      case Circle<?> circle -> new Circle<>();
      case Throttled<?>(Optional<Duration> retryAfter) -> new Throttled<>(retryAfter);
      case Unreachable<?>(String reason, Optional<Duration> retryAfter) ->
          new Unreachable<>(reason, retryAfter);
      case Busy<?>(String reason) -> new Busy<>(reason);
    };
  }
}
