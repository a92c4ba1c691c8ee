package dev.cistern.auth.access;

import java.util.List;
import java.util.Optional;

/** Result of authenticating the credentials of a request. */
public sealed interface Outcome {
  /**
   * The credentials are valid.
   *
   * @param limitedTo the maximum permissions of this request, whatever else its principal may do;
   *     empty for no such limit
   * @param impersonation the impersonation by which the real caller acts as the principal; empty
   *     for none
   */
  record Caller(
      Principal principal, Optional<List<Grant>> limitedTo, Optional<Impersonation> impersonation)
      implements Outcome {
    public Caller {
      limitedTo = limitedTo.map(List::copyOf);
    }

    public Caller(Principal principal, Optional<List<Grant>> limitedTo) {
      this(principal, limitedTo, Optional.empty());
    }

    /** Returns the caller of an impersonation, with the permissions of the principal alone. */
    public static Caller impersonated(Impersonation impersonation) {
      return new Caller(impersonation.principal(), Optional.empty(), Optional.of(impersonation));
    }
  }

  /** The credentials are invalid. */
  record Refused(String reason) implements Outcome {}

  /** Too many passwords wait to be checked; a retry after a short time may succeed. */
  record Busy() implements Outcome {}
}
