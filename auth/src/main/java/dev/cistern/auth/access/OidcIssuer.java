package dev.cistern.auth.access;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSVerifier;
import com.nimbusds.jose.crypto.ECDSAVerifier;
import com.nimbusds.jose.crypto.RSASSAVerifier;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.KeyUse;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jose.util.JSONObjectUtils;
import java.text.ParseException;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Another issuer of tokens (OpenID Connect Core 1.0) that this server trusts, with its configured
 * keys. Keys are never fetched or taken from a token. Immutable and thread-safe.
 */
public final class OidcIssuer {
  private static final int SMALLEST_RSA = 2048;
  private static final int MOST_KEYS = 100;
  private static final String EMAIL = "email";

  private final OidcSettings settings;
  private final List<Key> keys;
  private final InstantSource clock;

  private OidcIssuer(OidcSettings settings, List<Key> keys, InstantSource clock) {
    this.settings = settings;
    this.keys = keys;
    this.clock = clock;
  }

  private record Key(@Nullable String id, JWSVerifier verifier) {}

  /** The principal of a token, and the time when the token expires. */
  record Identity(Principal principal, Instant expires) {}

  /**
   * Returns an issuer.
   *
   * @param keySet a JWK set (RFC 7517, section 5); keys that are not for the algorithm are left out
   * @throws AccessException if it is not a JWK set, or has no key or more than 100 keys for the
   *     algorithm
   */
  public static OidcIssuer of(OidcSettings settings, String keySet, InstantSource clock) {
    var keys = new ArrayList<Key>();
    for (JWK key : parse(settings, keySet)) {
      verifier(settings.algorithm(), key)
          .ifPresent(verifier -> keys.add(new Key(key.getKeyID(), verifier)));
    }
    if (keys.isEmpty() || keys.size() > MOST_KEYS) {
      throw new AccessException(
          "of the keys of the OIDC issuer %s, %d are for %s; there must be 1 to %d of them (%s)"
              .formatted(
                  settings.issuer(),
                  keys.size(),
                  settings.algorithm(),
                  MOST_KEYS,
                  settings.algorithm() == OidcSettings.Algorithm.ES256
                      ? "EC on P-256"
                      : "RSA of " + SMALLEST_RSA + " bits or more"));
    }
    return new OidcIssuer(settings, List.copyOf(keys), clock);
  }

  private static List<JWK> parse(OidcSettings settings, String keySet) {
    try {
      Map<String, Object> json = JSONObjectUtils.parse(keySet);
      if (json != null) {
        return JWKSet.parse(json).getKeys();
      }
    } catch (ParseException | IllegalArgumentException notAKeySet) {
      // The library's message may contain a part of the text, which has keys in it.
    }
    throw new AccessException(
        "the keys of the OIDC issuer "
            + settings.issuer()
            + " are not a JWK set such as {\"keys\": [...]}");
  }

  private static Optional<JWSVerifier> verifier(OidcSettings.Algorithm algorithm, JWK key) {
    if ((key.getKeyUse() != null && !key.getKeyUse().equals(KeyUse.SIGNATURE))
        || (key.getAlgorithm() != null && !key.getAlgorithm().equals(algorithm.jws()))) {
      return Optional.empty();
    }
    try {
      return switch (algorithm) {
        case ES256 ->
            key instanceof ECKey ec && ec.getCurve().equals(Curve.P_256)
                ? Optional.of(new ECDSAVerifier(ec.toPublicJWK()))
                : Optional.empty();
        case RS256, PS256 ->
            key instanceof RSAKey rsa && rsa.size() >= SMALLEST_RSA
                ? Optional.of(new RSASSAVerifier(rsa.toPublicJWK()))
                : Optional.empty();
      };
    } catch (JOSEException unusable) {
      return Optional.empty();
    }
  }

  /** Returns the principal of a token; empty if the token is not valid. Never blocks. */
  public Optional<Principal> verify(String token) {
    try {
      return Optional.of(verify(UncheckedToken.parse(token)).principal());
    } catch (Refusal refusal) {
      return Optional.empty();
    }
  }

  /** Returns whether a token claims to be from this issuer. */
  boolean isOwn(UncheckedToken token) {
    return token.issuer().filter(settings.issuer()::equals).isPresent();
  }

  Identity verify(UncheckedToken token) throws Refusal {
    token.requireAlgorithm(settings.algorithm().jws());
    if (!isSigned(token)) {
      throw new Refusal("the token is not signed by a key of the issuer " + settings.issuer());
    }
    token.requireParties(settings.issuer(), settings.audience());
    Instant expires = token.requireInForce(clock.instant());
    requireVerifiedEmail(token);
    try {
      Principal user = Principal.user(settings.username(token.text(settings.usernameClaim())));
      return new Identity(user.with(groups(token)), expires);
    } catch (AccessException badName) {
      throw new Refusal(badName.text());
    }
  }

  /**
   * Returns whether one of the keys signed the token. A token without {@code kid} is checked with
   * each key.
   */
  private boolean isSigned(UncheckedToken token) {
    Optional<String> id = token.keyId();
    return keys.stream()
        .filter(key -> id.isEmpty() || id.get().equals(key.id))
        .anyMatch(key -> token.isSignedBy(key.verifier));
  }

  /**
   * Rejects an unverified email address as user name, because the user may have chosen it freely.
   */
  private void requireVerifiedEmail(UncheckedToken token) throws Refusal {
    Object isVerified = token.claims().getClaim("email_verified");
    if (settings.usernameClaim().equals(EMAIL) && isVerified != null && !isVerified.equals(true)) {
      throw new Refusal("the token's email is not verified");
    }
  }

  private List<String> groups(UncheckedToken token) throws Refusal {
    if (settings.groupsClaim().isEmpty()) {
      return List.of();
    }
    return token.texts(settings.groupsClaim().get()).stream().map(settings::group).toList();
  }

  @Override
  public String toString() {
    return "OIDC issuer " + settings.issuer();
  }
}
