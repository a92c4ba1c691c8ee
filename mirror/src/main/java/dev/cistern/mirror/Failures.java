package dev.cistern.mirror;

import dev.cistern.base.MemoryBudget;
import dev.cistern.mirror.rules.PullSource;
import dev.cistern.mirror.upstream.Answer;
import dev.cistern.oci.Digest;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import dev.cistern.oci.Reference;
import dev.cistern.oci.RepositoryName;
import java.time.Duration;
import java.util.Optional;

/** Conversion of an upstream's failure into the error for a client when nothing is cached. */
final class Failures {
  private static final int LOOP_DETECTED = 508;
  private static final String DAMAGED = "the stored copy is damaged; push it again";

  private Failures() {}

  static OciException manifestUnknown(RepositoryName repository, Reference reference) {
    return new OciException(
        ErrorCode.MANIFEST_UNKNOWN, "no manifest " + reference + " in repository " + repository);
  }

  static OciException blobUnknown(RepositoryName repository, Digest digest) {
    return new OciException(
        ErrorCode.BLOB_UNKNOWN, "no blob " + digest + " in repository " + repository);
  }

  /**
   * Returns the error for a pushed manifest whose stored copy is damaged; it advises clients to
   * push again.
   */
  static OciException manifestDamaged(RepositoryName repository, Reference reference) {
    return new OciException(
        ErrorCode.MANIFEST_UNKNOWN,
        "no manifest " + reference + " in repository " + repository,
        DAMAGED);
  }

  /** Returns the error for a pushed blob whose stored copy is damaged. */
  static OciException blobDamaged(RepositoryName repository, Digest digest) {
    return new OciException(
        ErrorCode.BLOB_UNKNOWN, "no blob " + digest + " in repository " + repository, DAMAGED);
  }

  static OciException nameUnknown(RepositoryName repository) {
    return new OciException(ErrorCode.NAME_UNKNOWN, "nothing is here of repository " + repository);
  }

  /**
   * Returns the error for an answer of {@code source} other than found; {@code unknown} is the
   * error for missing content.
   */
  static OciException of(Answer<?> answer, PullSource source, OciException unknown) {
    return of(answer, source.name(), unknown);
  }

  private static OciException of(Answer<?> answer, String upstream, OciException unknown) {
    return switch (answer) {
      case Answer.Found<?> found -> throw new IllegalArgumentException("no failure: " + found);
      case Answer.Missing<?> missing -> unknown;
      case Answer.Refused<?>(String reason) ->
          new OciException(
              ErrorCode.DENIED,
              "upstream " + upstream + " refuses: " + reason,
              "check the credentials and the endpoint of this upstream in the configuration");
      case Answer.Circle<?> circle ->
          new OciException(
                  ErrorCode.UPSTREAM_UNAVAILABLE,
                  "upstream " + upstream + " does not have it and would ask this server for it",
                  "mirrors that point at each other need another upstream for what neither has")
              .withStatus(LOOP_DETECTED);
      case Answer.Throttled<?>(Optional<Duration> retryAfter) ->
          new OciException(
                  ErrorCode.TOOMANYREQUESTS,
                  "upstream " + upstream + " throttles",
                  "try again later, or give this upstream credentials with a higher limit")
              .withRetryAfter(retryAfter.orElse(Duration.ofSeconds(60)));
      case Answer.Unreachable<?>(String reason, Optional<Duration> retryAfter) -> {
        var error =
            new OciException(
                ErrorCode.UPSTREAM_UNAVAILABLE,
                "upstream " + upstream + " does not answer as it should: " + reason,
                "it is not here yet; try again when the upstream works");
        yield retryAfter.map(error::withRetryAfter).orElse(error);
      }
      case Answer.Busy<?>(String reason) ->
          new OciException(
                  ErrorCode.TOOMANYREQUESTS,
                  "upstream " + upstream + " cannot be asked now: " + reason,
                  "try again")
              .withRetryAfter(MemoryBudget.RETRY_AFTER);
    };
  }

  /** Returns a short reason for an answer. */
  static String reason(Answer<?> answer) {
    return switch (answer) {
      case Answer.Found<?> found -> "found";
      case Answer.Missing<?> missing -> "it answered 404";
      case Answer.Refused<?>(String reason) -> reason;
      case Answer.Circle<?> circle -> "it would ask this server";
      case Answer.Throttled<?> throttled -> "it throttles us";
      case Answer.Unreachable<?> unreachable -> unreachable.reason();
      case Answer.Busy<?>(String reason) -> reason;
    };
  }
}
