package dev.cistern.server.cli;

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
  /** Returns the same with a token. */
  Login with(String token) {
    return new Login("Bearer " + token, "", source);
  }

  @Override
  public String toString() {
    return source;
  }
}
