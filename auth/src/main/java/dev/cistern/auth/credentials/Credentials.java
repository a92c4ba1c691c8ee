package dev.cistern.auth.credentials;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.Base64;

/**
 * A secret for an upstream registry or its token service.
 *
 * @param identityToken a refresh token for the token service, used instead of the password; empty
 *     for none
 */
public record Credentials(String username, String password, String identityToken) {
  /** Returns the value of a Basic Authorization header (RFC 7617). */
  public String basic() {
    return "Basic "
        + Base64.getEncoder().encodeToString((username + ":" + password).getBytes(UTF_8));
  }

  /**
   * Returns the user name, never the secret. Some registries take a secret as the user name, which
   * is then hidden.
   */
  @Override
  public String toString() {
    boolean isNameSecret =
        username.equals(password) || (password.isEmpty() && identityToken.isEmpty());
    return (isNameSecret ? "***" : username) + ":***";
  }
}
