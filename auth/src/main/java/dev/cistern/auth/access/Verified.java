package dev.cistern.auth.access;

import java.time.Instant;
import java.util.List;

/** Result of verifying a token that claims to be issued by this server. */
public sealed interface Verified {
  /** An access token for these grants and no others, whatever else its principal may do. */
  record Access(Principal principal, List<Grant> grants, Instant expires) implements Verified {
    public Access {
      grants = List.copyOf(grants);
    }
  }

  /**
   * A refresh token, which can be exchanged for other tokens.
   *
   * @param stamp the value of {@link Users#stamp} when the token was issued
   */
  record Refresh(Principal principal, String stamp) implements Verified {}

  /** A service account's token, for everything that the account may do. */
  record ServiceAccount(Principal principal, Instant expires) implements Verified {}

  /** The token is rejected. */
  record Refused(String reason) implements Verified {}
}
