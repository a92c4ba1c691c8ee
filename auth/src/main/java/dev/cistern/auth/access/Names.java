package dev.cistern.auth.access;

import dev.cistern.oci.Texts;
import java.util.Optional;
import java.util.regex.Pattern;

/** Syntax of the names of principals, groups and roles. */
final class Names {
  /** The prefix of names of principals and groups that only this server assigns. */
  static final String RESERVED = "system:";

  static final int LONGEST = 255;

  private static final Pattern NAMESPACE =
      Pattern.compile("[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*");
  private static final Pattern SERVICE_ACCOUNT =
      Pattern.compile("[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?");

  private Names() {}

  /**
   * Returns the name if it is valid: 1 to 255 characters, none of them a control character.
   *
   * @param what the kind of name for the message, such as "name of a user"
   * @throws AccessException if it is invalid; the message has the reason
   */
  static String checked(String what, String name) {
    problem(name)
        .ifPresent(problem -> {
          throw new AccessException("not a " + what + ": " + Texts.shown(name) + ": " + problem);
        });
    return name;
  }

  /**
   * Returns the name if a principal or group from outside may have it: it is {@link #checked}, and
   * does not begin with {@code system:}.
   */
  static String notReserved(String what, String name) {
    if (isReserved(name)) {
      throw new AccessException(
          "not a "
              + what
              + ": "
              + Texts.shown(name)
              + ": only this server's own begin with "
              + RESERVED);
    }
    return checked(what, name);
  }

  static boolean isReserved(String name) {
    return name.startsWith(RESERVED);
  }

  /** Returns the problem of a name; empty if it is valid. */
  static Optional<String> problem(String name) {
    if (name.isEmpty() || name.length() > LONGEST) {
      return Optional.of("a name has 1 to " + LONGEST + " characters");
    }
    if (name.chars().anyMatch(Character::isISOControl)) {
      return Optional.of("a name has no control characters");
    }
    return Optional.empty();
  }

  /** Returns whether this can be the first path component of a repository. */
  static boolean isNamespace(String name) {
    return name.length() <= LONGEST && NAMESPACE.matcher(name).matches();
  }

  static boolean isServiceAccount(String name) {
    return name.length() <= LONGEST && SERVICE_ACCOUNT.matcher(name).matches();
  }
}
