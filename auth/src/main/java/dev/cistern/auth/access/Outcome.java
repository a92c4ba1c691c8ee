package dev.cistern.auth.access;

import java.util.List;
import java.util.Optional;

/** What the credentials of a request come to. */
public sealed interface Outcome {
  /**
   * They are somebody's.
   *
   * @param limitedTo what this request may do at most, whatever its principal may do besides; empty
   *     for no such limit
   * @param impersonation by which the principal acts for the real caller; empty if there is none
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

    /** Returns the caller that an impersonation makes, with the rights of the principal alone. */
    public static Caller impersonated(Impersonation impersonation) {
      return new Caller(impersonation.principal(), Optional.empty(), Optional.of(impersonation));
    }
  }

  /** They are nobody's. */
  record Refused(String reason) implements Outcome {}

  /** There are too many passwords to check; it is worth another try in a moment. */
  record Busy() implements Outcome {}
}
