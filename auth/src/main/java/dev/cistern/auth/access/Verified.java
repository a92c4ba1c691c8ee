package dev.cistern.auth.access;

import java.time.Instant;
import java.util.List;

/** What came of a token that says it is this server's. */
public sealed interface Verified {
  /** It is for these grants and no others, whatever its principal may do besides. */
  record Access(Principal principal, List<Grant> grants, Instant expires) implements Verified {
    public Access {
      grants = List.copyOf(grants);
    }
  }

  /**
   * Another token may be had for it.
   *
   * @param stamp what {@link Users#stamp} was when it was made
   */
  record Refresh(Principal principal, String stamp) implements Verified {}

  /** It is a service account's, and for all that may do. */
  record ServiceAccount(Principal principal, Instant expires) implements Verified {}

  /** It is not believed. */
  record Refused(String reason) implements Verified {}
}
