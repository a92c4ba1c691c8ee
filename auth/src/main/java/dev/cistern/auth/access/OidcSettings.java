package dev.cistern.auth.access;

import com.nimbusds.jose.JWSAlgorithm;
import dev.cistern.oci.Texts;
import java.util.Arrays;
import java.util.Optional;

/**
 * Requirements on the tokens of another issuer, as for the Kubernetes API server.
 *
 * @param issuer the required {@code iss}, compared character by character
 * @param audience the required {@code aud}
 * @param algorithm the only signature algorithm that is accepted
 * @param usernameClaim the claim with the user name, usually {@code sub}
 * @param usernamePrefix the prefix of user names: if empty, the issuer and {@code #}; {@code -} for
 *     none
 * @param groupsClaim the claim with the user's groups, if any
 * @param groupsPrefix the prefix of group names
 */
public record OidcSettings(
    String issuer,
    String audience,
    Algorithm algorithm,
    String usernameClaim,
    Optional<String> usernamePrefix,
    Optional<String> groupsClaim,
    Optional<String> groupsPrefix) {

  /** Signature algorithms for tokens of other issuers. */
  public enum Algorithm {
    RS256,
    PS256,
    ES256;

    /**
     * Returns the algorithm of a name.
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

  /** Returns the user name for the text of a claim. */
  String username(String claim) {
    String prefix = usernamePrefix.orElse(issuer + "#");
    return prefix.equals("-") ? claim : prefix + claim;
  }

  String group(String claim) {
    return groupsPrefix.orElse("") + claim;
  }
}
