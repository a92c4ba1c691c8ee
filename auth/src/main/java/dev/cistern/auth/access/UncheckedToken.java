package dev.cistern.auth.access;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSVerifier;
import com.nimbusds.jose.util.Base64URL;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import dev.cistern.oci.Texts;
import java.text.ParseException;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A signed JWT (RFC 7519) as received from a client: short enough and well-formed, but not
 * verified. No key is ever taken from it: {@code jwk}, {@code jku}, {@code x5u} and {@code x5c} of
 * its header are ignored.
 */
record UncheckedToken(SignedJWT jwt, JWTClaimsSet claims) {
  /** The maximum length of a token, in characters. */
  static final int LONGEST = 16 * 1024;

  /** The maximum difference between the clocks of the signer and the reader. */
  static final Duration LEEWAY = Duration.ofSeconds(30);

  /**
   * Reads a token.
   *
   * @throws Refusal if it is too long, is not a signed JWT, is another encoding of one, or requires
   *     extensions ({@code crit})
   */
  static UncheckedToken parse(String token) throws Refusal {
    if (token.length() > LONGEST) {
      throw new Refusal("the token is longer than " + LONGEST + " characters");
    }
    try {
      SignedJWT jwt = SignedJWT.parse(token);
      for (Base64URL part : jwt.getParsedParts()) {
        if (!Base64URL.encode(part.decode()).equals(part)) {
          throw new Refusal("a part of the token is not base64url as it is written (RFC 7515)");
        }
      }
      if (jwt.getHeader().getCriticalParams() != null) {
        throw new Refusal(
            "the token has critical header parameters (crit), and none is known here");
      }
      return new UncheckedToken(jwt, jwt.getJWTClaimsSet());
    } catch (ParseException | RuntimeException notAToken) {
      // The input is untrusted, and the library throws other exceptions too, such as for a null
      // header.
      throw new Refusal("not a signed JWT");
    }
  }

  /**
   * Returns whether a text has the form of a JWT: three parts, of which the first is the base64url
   * of an object.
   */
  static boolean isLike(String text) {
    return text.startsWith("eyJ") && text.chars().filter(c -> c == '.').count() == 2;
  }

  Optional<String> keyId() {
    return Optional.ofNullable(jwt.getHeader().getKeyID());
  }

  Optional<String> issuer() {
    return Optional.ofNullable(claims.getIssuer());
  }

  /** Returns the algorithm that the header names. */
  JWSAlgorithm algorithm() {
    return jwt.getHeader().getAlgorithm();
  }

  /**
   * Checks that the header names the expected algorithm.
   *
   * @throws Refusal if it names another
   */
  void requireAlgorithm(JWSAlgorithm expected) throws Refusal {
    if (!expected.equals(algorithm())) {
      throw new Refusal(
          "the token is signed with "
              + Texts.shown(String.valueOf(algorithm()))
              + "; it must be "
              + expected);
    }
  }

  boolean isSignedBy(JWSVerifier verifier) {
    try {
      return jwt.verify(verifier);
    } catch (JOSEException | IllegalStateException notVerifiable) {
      return false;
    }
  }

  /**
   * Checks the issuer and the audience.
   *
   * @throws Refusal if one of them is not the expected one
   */
  void requireParties(String issuer, String audience) throws Refusal {
    if (!issuer.equals(claims.getIssuer())) {
      throw new Refusal("the token's issuer is not " + issuer);
    }
    if (!claims.getAudience().contains(audience)) {
      throw new Refusal("the token is not for the audience " + audience);
    }
  }

  /**
   * Checks that the token is valid now, with a tolerance of {@link #LEEWAY}.
   *
   * @return the time when it expires
   * @throws Refusal if it has expired, is not valid yet, or lacks the time of issue or of expiry
   */
  Instant requireInForce(Instant now) throws Refusal {
    Instant expires = instant(claims.getExpirationTime(), "exp");
    if (!now.isBefore(expires.plus(LEEWAY))) {
      throw new Refusal("the token has expired");
    }
    Date notBefore = claims.getNotBeforeTime();
    if (instant(claims.getIssueTime(), "iat").isAfter(now.plus(LEEWAY))
        || (notBefore != null && notBefore.toInstant().isAfter(now.plus(LEEWAY)))) {
      throw new Refusal("the token is not yet in force");
    }
    return expires;
  }

  private static Instant instant(@Nullable Date date, String claim) throws Refusal {
    if (date == null) {
      throw new Refusal("the token has no time " + claim);
    }
    return date.toInstant();
  }

  /**
   * Returns a claim that is a text.
   *
   * @throws Refusal if it is missing, empty, or not a text
   */
  String text(String claim) throws Refusal {
    if (claims.getClaim(claim) instanceof String text && !text.isEmpty()) {
      return text;
    }
    throw new Refusal("the token has no text " + claim);
  }

  /**
   * Returns a claim that is a list of texts. A single text is a list of one; a missing claim is an
   * empty list.
   *
   * @throws Refusal if it is something else
   */
  List<String> texts(String claim) throws Refusal {
    Object value = claims.getClaim(claim);
    return switch (value) {
      case null -> List.of();
      case String text -> List.of(text);
      case List<?> list when list.stream().allMatch(String.class::isInstance) ->
          list.stream().map(String.class::cast).toList();
      default -> throw new Refusal("the token's " + claim + " is not a list of texts");
    };
  }

  /** Returns a constant text, because anyone who has the token can use it. */
  @Override
  public String toString() {
    return "a token";
  }
}
