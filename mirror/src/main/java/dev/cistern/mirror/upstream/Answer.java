package dev.cistern.mirror.upstream;

import java.time.Duration;
import java.util.Optional;

/** What an upstream said. The caller decides what follows from it. */
public sealed interface Answer<T> {
  /** The reason of what was asked over TLS and answered in clear. */
  String PLAIN_HTTP = "it speaks plain HTTP, not TLS";

  /** The reason where memory is short. */
  String NO_MEMORY = "no memory is left for its answer";

  /** It has it. */
  record Found<T>(T value) implements Answer<T> {}

  /** It says that it does not have it (404). */
  record Missing<T>() implements Answer<T> {}

  /** It does not let us (401, 403, or a token was not to be had). */
  record Refused<T>(String reason) implements Answer<T> {}

  /** It would have to ask this server (508): the mirrors point at each other. */
  record Circle<T>() implements Answer<T> {}

  /** It asks us to come back later (429). */
  record Throttled<T>(Optional<Duration> retryAfter) implements Answer<T> {}

  /**
   * It cannot be reached or does not work (connection, TLS, timeout, 5xx, nonsense).
   *
   * @param retryAfter when it wants to be asked again, if it said so (503)
   */
  record Unreachable<T>(String reason, Optional<Duration> retryAfter) implements Answer<T> {
    public Unreachable(String reason) {
      this(reason, Optional.empty());
    }
  }

  /** This server has no memory or connection left to ask it; this says nothing of the upstream. */
  record Busy<T>(String reason) implements Answer<T> {}

  /** Returns when it asks us to come back, if it says so. */
  default Optional<Duration> retryAfter() {
    return Optional.empty();
  }

  /** Returns this answer, which is not {@link Found}, as one to another question. */
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
