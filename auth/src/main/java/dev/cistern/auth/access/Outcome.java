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
   */
  record Caller(Principal principal, Optional<List<Grant>> limitedTo) implements Outcome {
    public Caller {
      limitedTo = limitedTo.map(List::copyOf);
    }
  }

  /** They are nobody's. */
  record Refused(String reason) implements Outcome {}

  /** There are too many passwords to check; it is worth another try in a moment. */
  record Busy() implements Outcome {}
}
