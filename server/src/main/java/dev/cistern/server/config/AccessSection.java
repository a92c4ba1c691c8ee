package dev.cistern.server.config;

import dev.cistern.auth.access.AccessException;
import dev.cistern.auth.access.OidcSettings;
import dev.cistern.server.config.AccessSettings.Anonymous;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The parser of {@code access:}: users, tokens, issuers, and the permissions of unauthenticated
 * clients.
 */
final class AccessSection {
  private static final Duration TOKEN_LIFE = Duration.ofMinutes(5);
  private static final Duration LONGEST_TOKEN_LIFE = Duration.ofHours(1);
  private static final Duration LOGIN_LIFE = Duration.ofDays(30);
  private static final int REQUESTS_PER_USER = 1_000;
  private static final int MOST_REQUESTS = 1_000_000;
  private static final String SERVICE = "cistern";

  private AccessSection() {}

  /** Returns the settings without such a section: authentication is disabled. */
  static AccessSettings open(Anonymous anonymous) {
    return new AccessSettings(
        true,
        anonymous,
        Optional.empty(),
        Optional.empty(),
        List.of(),
        SERVICE,
        Optional.empty(),
        TOKEN_LIFE,
        LOGIN_LIFE,
        REQUESTS_PER_USER,
        false);
  }

  /**
   * Reads the section.
   *
   * @param said the permissions of unauthenticated clients that take precedence over the section
   * @param usual the permissions of unauthenticated clients if neither sets them
   */
  static AccessSettings read(Section section, Optional<Anonymous> said, Anonymous usual) {
    Duration tokenLife = section.pause("tokenLife").orElse(TOKEN_LIFE);
    if (tokenLife.compareTo(LONGEST_TOKEN_LIFE) > 0 || tokenLife.toSeconds() < 1) {
      throw section.wrong("tokenLife", "1s to 1h is expected: what is revoked works so long");
    }
    Optional<Anonymous> anonymous = anonymous(section);
    var issuers = new ArrayList<AccessSettings.Issuer>();
    section.sections("issuers").forEach(issuer -> issuers.add(issuer(issuer)));
    var settings =
        new AccessSettings(
            false,
            said.or(() -> anonymous).orElse(usual),
            section.text("users").map(path -> UpstreamSection.file(section, "users", path)),
            section.text("signingKeys").map(Path::of),
            issuers,
            section.text("service").orElse(SERVICE),
            section.text("realm").map(text -> realm(section, text)),
            tokenLife,
            section.pause("loginLife").orElse(LOGIN_LIFE),
            section.count("requestsPerUser", MOST_REQUESTS).orElse(REQUESTS_PER_USER),
            section.flag("readOnly").orElse(false));
    section.end();
    return settings;
  }

  private static Optional<Anonymous> anonymous(Section section) {
    return section
        .text("anonymous")
        .map(text ->
            anonymous(text)
                .orElseThrow(
                    () -> section.wrong("anonymous", "none, pull, push or admin is expected")));
  }

  /** Returns the value of that name, if it exists. */
  static Optional<Anonymous> anonymous(String text) {
    return Stream.of(Anonymous.values())
        .filter(one -> one.name().toLowerCase(Locale.ROOT).equals(text))
        .findFirst();
  }

  private static URI realm(Section section, String text) {
    try {
      var realm = new URI(text);
      if (realm.getHost() != null && realm.getRawQuery() == null && realm.getUserInfo() == null) {
        return realm;
      }
    } catch (URISyntaxException e) {
      // refused below, like a URL without a host
    }
    throw section.wrong("realm", "a URL such as https://registry.example.com/token is expected");
  }

  private static AccessSettings.Issuer issuer(Section section) {
    try {
      var settings =
          new OidcSettings(
              section.required("issuer"),
              section.required("audience"),
              OidcSettings.Algorithm.parse(section.text("algorithm").orElse("RS256")),
              section.text("usernameClaim").orElse("sub"),
              section.text("usernamePrefix"),
              section.text("groupsClaim"),
              section.text("groupsPrefix"));
      Path keys = UpstreamSection.file(section, "keys", section.required("keys"));
      section.end();
      return new AccessSettings.Issuer(settings, keys);
    } catch (AccessException e) {
      throw section.wrong("issuer", String.valueOf(e.getMessage()));
    }
  }
}
