package dev.cistern.server.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.Base64;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Credentials that a command sends to a server.
 *
 * @param authorization the value of the Authorization header; empty if a token must be requested
 *     for the identity token first
 * @param identityToken the identity token that docker saves instead of a password, for which the
 *     server issues a token; or empty
 * @param source the origin of the credentials for messages, without any secret
 */
record Login(String authorization, String identityToken, String source) {
  private static final String BASIC = "Basic ";
  private static final String BEARER = "Bearer ";
  private static final Pattern TOKEN = Pattern.compile("eyJ[\\w-]+\\.[\\w-]+\\.[\\w-]+");

  /** Returns these credentials with a token. */
  Login with(String token) {
    return new Login(BEARER + token, "", source);
  }

  /**
   * Returns the token of these credentials: a Bearer token, or a service account's token in place
   * of a password.
   */
  Optional<String> token() {
    if (authorization.startsWith(BEARER)) {
      return Optional.of(authorization.substring(BEARER.length()));
    }
    if (!authorization.startsWith(BASIC)) {
      return Optional.empty();
    }
    byte[] decoded = Base64.getDecoder().decode(authorization.substring(BASIC.length()));
    String pair = new String(decoded, UTF_8);
    String password = pair.substring(pair.indexOf(':') + 1);
    return Optional.of(password).filter(text -> TOKEN.matcher(text).matches());
  }

  @Override
  public String toString() {
    return source;
  }
}
