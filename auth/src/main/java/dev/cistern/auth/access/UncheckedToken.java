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
 * A signed JWT (RFC 7519) as somebody sent it: small enough, well-formed, and not yet believed. No
 * key is ever taken from it: {@code jwk}, {@code jku}, {@code x5u} and {@code x5c} of its header
 * are not looked at.
 */
record UncheckedToken(SignedJWT jwt, JWTClaimsSet claims) {
  /** The longest token that is read, in characters. */
  static final int LONGEST = 16 * 1024;

  /** By how much the clocks of who signs and who reads may differ. */
  static final Duration LEEWAY = Duration.ofSeconds(30);

  /**
   * Reads a token.
   *
   * @throws Refusal if it is too long, no signed JWT, another spelling of one, or asks for
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
      // Anybody can send anything, and the library has no word for all of it: a header that is
      // null.
      throw new Refusal("not a signed JWT");
    }
  }

  /** Says whether a text has the form of one: three parts of base64url, the first an object's. */
  static boolean isLike(String text) {
    return text.startsWith("eyJ") && text.chars().filter(c -> c == '.').count() == 2;
  }

  Optional<String> keyId() {
    return Optional.ofNullable(jwt.getHeader().getKeyID());
  }

  Optional<String> issuer() {
    return Optional.ofNullable(claims.getIssuer());
  }

  /** Returns the algorithm it says it is signed with. */
  JWSAlgorithm algorithm() {
    return jwt.getHeader().getAlgorithm();
  }

  /**
   * Checks that it is signed with an algorithm.
   *
   * @throws Refusal if it says another
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
   * Checks who made it, and for whom.
   *
   * @throws Refusal if it was somebody else, or for somebody else
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
   * Checks that it is in force, give or take {@link #LEEWAY}.
   *
   * @return when it expires
   * @throws Refusal if it has expired, is of the future, or does not say when it was made and when
   *     it expires
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
   * Returns a text of its claims.
   *
   * @throws Refusal if it is not there, or no text
   */
  String text(String claim) throws Refusal {
    if (claims.getClaim(claim) instanceof String text && !text.isEmpty()) {
      return text;
    }
    throw new Refusal("the token has no text " + claim);
  }

  /**
   * Returns texts of its claims; one that is not in a list is a list of one, and none is empty.
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

  /** Says nothing of what it holds: whoever has a token can use it. */
  @Override
  public String toString() {
    return "a token";
  }
}
