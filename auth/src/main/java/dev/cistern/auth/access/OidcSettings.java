package dev.cistern.auth.access;

import com.nimbusds.jose.JWSAlgorithm;
import dev.cistern.oci.Texts;
import java.util.Arrays;
import java.util.Optional;

/**
 * What is believed of another issuer's tokens, as the API server of Kubernetes has it.
 *
 * @param issuer who makes them: {@code iss}, compared letter by letter
 * @param audience for whom they must be: {@code aud}
 * @param algorithm the only one they may be signed with
 * @param usernameClaim which claim is the user's name; {@code sub} is the usual one
 * @param usernamePrefix what comes before it: empty for the issuer and {@code #}, {@code -} for
 *     nothing
 * @param groupsClaim which claim has the user's groups, if any
 * @param groupsPrefix what comes before their names
 */
public record OidcSettings(
    String issuer,
    String audience,
    Algorithm algorithm,
    String usernameClaim,
    Optional<String> usernamePrefix,
    Optional<String> groupsClaim,
    Optional<String> groupsPrefix) {

  /** How tokens of other issuers are signed. */
  public enum Algorithm {
    RS256,
    PS256,
    ES256;

    /**
     * Reads a name.
     *
     * @throws AccessException if it is none of the three
     */
    public static Algorithm parse(String name) {
      return Arrays.stream(values())
          .filter(algorithm -> algorithm.name().equals(name))
          .findFirst()
          .orElseThrow(() ->
              new AccessException(
                  "not an algorithm for tokens: "
                      + Texts.shown(name)
                      + "; there are RS256, PS256 and ES256"));
    }

    JWSAlgorithm jws() {
      return JWSAlgorithm.parse(name());
    }
  }

  /**
   * @throws AccessException if issuer, audience or a claim's name is empty, or a prefix begins with
   *     {@code system:}
   */
  public OidcSettings {
    requireText("issuer", issuer);
    requireText("audience", audience);
    requireText("username claim", usernameClaim);
    groupsClaim.ifPresent(claim -> requireText("groups claim", claim));
    usernamePrefix.ifPresent(OidcSettings::requireNotReserved);
    groupsPrefix.ifPresent(OidcSettings::requireNotReserved);
  }

  private static void requireText(String what, String value) {
    if (value.isBlank()) {
      throw new AccessException("the " + what + " of an OIDC issuer is empty");
    }
  }

  private static void requireNotReserved(String prefix) {
    if (Names.isReserved(prefix)) {
      throw new AccessException(
          "the prefix of an OIDC issuer cannot be system:, which is for this server's own names");
    }
  }

  /** Returns what a claim's text is as a name here. */
  String username(String claim) {
    String prefix = usernamePrefix.orElse(issuer + "#");
    return prefix.equals("-") ? claim : prefix + claim;
  }

  String group(String claim) {
    return groupsPrefix.orElse("") + claim;
  }
}
