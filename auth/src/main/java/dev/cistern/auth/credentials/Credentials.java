package dev.cistern.auth.credentials;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.Base64;

/**
 * A secret for an upstream registry or its token service.
 *
 * @param identityToken a refresh token for the token service, used instead of the password; or
 *     empty
 */
public record Credentials(String username, String password, String identityToken) {
  /** Returns the value of an Authorization header (RFC 7617). */
  public String basic() {
    return "Basic "
        + Base64.getEncoder().encodeToString((username + ":" + password).getBytes(UTF_8));
  }

  /** Says who, never the secret. */
  @Override
  public String toString() {
    return username + ":***";
  }
}
