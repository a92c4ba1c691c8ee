package dev.cistern.auth.credentials;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.Base64;
import java.util.Optional;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/** Parser of the value of one entry: {@code auth}, or {@code username} and {@code password}. */
final class AuthEntry {
  private static final String AUTH = "auth";
  private static final Set<String> FIELDS =
      Set.of(AUTH, "username", "password", "email", "identitytoken");

  private AuthEntry() {}

  /** Returns whether a value may be an entry: an object with a field that entries have. */
  static boolean isLike(JsonNode entry) {
    return entry.isObject() && FIELDS.stream().anyMatch(entry::has);
  }

  /**
   * Reads an entry; empty if it has no secret.
   *
   * @param where the file and the key, for messages
   * @throws CredentialsException if the entry is invalid; the message does not contain the secret
   */
  static Optional<Credentials> read(JsonNode entry, String where) {
    if (!entry.isObject()) {
      throw new CredentialsException(
          where + " is not an object such as {\"auth\": \"BASE64 OF USER:PASSWORD\"}");
    }
    String identityToken = text(entry, "identitytoken", where);
    String auth = text(entry, AUTH, where).strip();
    if (!auth.isEmpty()) {
      return Optional.of(pair(auth, identityToken, where));
    }
    String username = text(entry, "username", where);
    String password = text(entry, "password", where);
    return username.isEmpty() && identityToken.isEmpty()
        ? Optional.empty()
        : Optional.of(new Credentials(username, password, identityToken));
  }

  /** Reads the base64 of user name and password, which are separated by the first colon. */
  private static Credentials pair(String auth, String identityToken, String where) {
    String pair;
    try {
      pair = new String(Base64.getDecoder().decode(auth), UTF_8);
    } catch (IllegalArgumentException notBase64) {
      throw new CredentialsException(where + ".auth is not base64");
    }
    int colon = pair.indexOf(':');
    if (colon < 0) {
      throw new CredentialsException(where + ".auth is not the base64 of user:password");
    }
    int end = pair.length();
    while (end > colon + 1 && pair.charAt(end - 1) == '\0') {
      end--;
    }
    return new Credentials(pair.substring(0, colon), pair.substring(colon + 1, end), identityToken);
  }

  /** Returns the value of an entry for a user name and a password. */
  static String encode(String username, String password) {
    return Base64.getEncoder().encodeToString((username + ":" + password).getBytes(UTF_8));
  }

  private static String text(JsonNode entry, String field, String where) {
    JsonNode value = entry.path(field);
    if (value.isMissingNode() || value.isNull()) {
      return "";
    }
    if (!value.isString()) {
      throw new CredentialsException(where + "." + field + " is not a text");
    }
    return value.stringValue();
  }
}
