package dev.cistern.server.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.Base64;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * What a command shows to a server that asks who it is.
 *
 * @param authorization the value of the header Authorization; empty if that is yet to be had for
 *     the identity token
 * @param identityToken what docker saves instead of a password: the server gives a token for it; or
 *     empty
 * @param source where it is from, for messages: no secret
 */
record Login(String authorization, String identityToken, String source) {
  private static final String BASIC = "Basic ";
  private static final String BEARER = "Bearer ";
  private static final Pattern TOKEN = Pattern.compile("eyJ[\\w-]+\\.[\\w-]+\\.[\\w-]+");

  /** Returns the same with a token. */
  Login with(String token) {
    return new Login(BEARER + token, "", source);
  }

  /**
   * Returns the token that this is: a Bearer token, or that of a service account in place of a
   * password.
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
