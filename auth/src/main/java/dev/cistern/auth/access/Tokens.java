package dev.cistern.auth.access;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Issuer and verifier of this server's own tokens: JWTs signed with ES256 by one of its {@link
 * SigningKeys}. The three kinds are distinguished by {@code typ} (RFC 8725, section 3.11), so that
 * no token is accepted as one of another kind.
 *
 * <p>A token contains the name of its owner, but not the owner's permissions, which are looked up
 * when the token is used. The only groups in it are those that another issuer asserted.
 * Thread-safe.
 */
public final class Tokens {
  private static final JOSEObjectType ACCESS = new JOSEObjectType("at+jwt");
  private static final JOSEObjectType REFRESH = new JOSEObjectType("refresh+jwt");
  private static final JOSEObjectType SERVICE_ACCOUNT = new JOSEObjectType("serviceaccount+jwt");
  private static final String GRANTS = "access";
  private static final String GROUPS = "groups";
  private static final String STAMP = "stamp";

  private final SigningKeys keys;
  private final String issuer;
  private final String service;
  private final InstantSource clock;

  /**
   * @param issuer the issuer: {@code iss}
   * @param service the audience: {@code aud}
   */
  public Tokens(SigningKeys keys, String issuer, String service, InstantSource clock) {
    this.keys = keys;
    this.issuer = issuer;
    this.service = service;
    this.clock = clock;
  }

  /**
   * Returns an access token for these grants, valid from now on.
   *
   * @param lifetime the lifetime, at least a second
   * @throws AccessException if the token would exceed the maximum length
   */
  public String access(Principal principal, List<Grant> grants, Duration lifetime) {
    var claims =
        claims(principal, lifetime).claim(GRANTS, grants.stream().map(Tokens::json).toList());
    Set<String> groups = principal.ownGroups();
    if (!groups.isEmpty()) {
      claims.claim(GROUPS, List.copyOf(groups));
    }
    return sign(ACCESS, claims.build());
  }

  /**
   * Returns a refresh token, which a user can exchange for other tokens.
   *
   * @param stamp the value of {@link Users#stamp}
   * @param lifetime the lifetime, at least a second
   * @throws AccessException if the principal is not a user
   */
  public String refresh(Principal principal, String stamp, Duration lifetime) {
    Names.notReserved("name of a user", principal.name());
    return sign(REFRESH, claims(principal, lifetime).claim(STAMP, stamp).build());
  }

  /**
   * Returns a token of a service account.
   *
   * @param lifetime the lifetime, at least a second
   * @throws AccessException if there can be no such service account
   */
  public String serviceAccount(String namespace, String name, Duration lifetime) {
    return sign(
        SERVICE_ACCOUNT, claims(Principal.serviceAccount(namespace, name), lifetime).build());
  }

  private JWTClaimsSet.Builder claims(Principal principal, Duration lifetime) {
    if (lifetime.toSeconds() < 1) {
      throw new IllegalArgumentException("a token lives for a second or more, not " + lifetime);
    }
    Instant now = clock.instant();
    return new JWTClaimsSet.Builder()
        .issuer(issuer)
        .audience(service)
        .subject(principal.name())
        .issueTime(Date.from(now))
        .notBeforeTime(Date.from(now))
        .expirationTime(Date.from(now.plus(lifetime)));
  }

  private static Map<String, Object> json(Grant grant) {
    return Map.of(
        "type", grant.type(),
        "name", grant.name(),
        "actions", List.copyOf(new TreeSet<>(grant.actions())));
  }

  private String sign(JOSEObjectType type, JWTClaimsSet claims) {
    SigningKey key = keys.signing();
    var header = new JWSHeader.Builder(JWSAlgorithm.ES256).type(type).keyID(key.id()).build();
    var jwt = new SignedJWT(header, claims);
    try {
      jwt.sign(key.signer());
    } catch (JOSEException impossible) {
      throw new IllegalStateException("a key that was tried cannot sign", impossible);
    }
    String token = jwt.serialize();
    if (token.length() > UncheckedToken.LONGEST) {
      throw new AccessException(
          "a token for all this would be longer than "
              + UncheckedToken.LONGEST
              + " characters; ask for less at once");
    }
    return token;
  }

  /**
   * Returns the kind and principal of a valid token, or the reason why it is rejected. Never
   * blocks.
   */
  public Verified verify(String token) {
    try {
      return verify(UncheckedToken.parse(token));
    } catch (Refusal refusal) {
      return new Verified.Refused(refusal.reason());
    }
  }

  /** Returns whether a token claims to be issued by this server. */
  boolean isOwn(UncheckedToken token) {
    return token.issuer().filter(issuer::equals).isPresent();
  }

  Verified verify(UncheckedToken token) throws Refusal {
    token.requireAlgorithm(JWSAlgorithm.ES256);
    boolean isSigned =
        token
            .keyId()
            .flatMap(keys::find)
            .filter(key -> token.isSignedBy(key.verifier()))
            .isPresent();
    if (!isSigned) {
      throw new Refusal("the token is not signed by a key of this server");
    }
    token.requireParties(issuer, service);
    Instant expires = token.requireInForce(clock.instant());
    try {
      return verified(token, expires);
    } catch (AccessException badName) {
      throw new Refusal(badName.text());
    }
  }

  private static Verified verified(UncheckedToken token, Instant expires) throws Refusal {
    JOSEObjectType type = token.jwt().getHeader().getType();
    String name = token.text("sub");
    if (ACCESS.equals(type)) {
      return new Verified.Access(principal(name, token.texts(GROUPS)), grants(token), expires);
    }
    if (REFRESH.equals(type)) {
      return new Verified.Refresh(Principal.user(name), token.text(STAMP));
    }
    if (SERVICE_ACCOUNT.equals(type)) {
      return Principal.serviceAccount(name)
          .map(account -> new Verified.ServiceAccount(account, expires))
          .orElseThrow(() -> new Refusal("the token names no service account"));
    }
    throw new Refusal("the token is of no kind that is known here");
  }

  private static Principal principal(String name, List<String> groups) {
    if (name.equals(Principal.ANONYMOUS.name())) {
      return Principal.ANONYMOUS;
    }
    return Principal.serviceAccount(name).orElseGet(() -> Principal.user(name).with(groups));
  }

  private static List<Grant> grants(UncheckedToken token) throws Refusal {
    if (!(token.claims().getClaim(GRANTS) instanceof List<?> list)) {
      throw new Refusal("the token has no list access");
    }
    var grants = new ArrayList<Grant>();
    for (Object element : list) {
      grants.add(grant(element));
    }
    return List.copyOf(grants);
  }

  private static Grant grant(Object element) throws Refusal {
    if (element instanceof Map<?, ?> map
        && map.get("type") instanceof String type
        && map.get("name") instanceof String name
        && map.get("actions") instanceof List<?> actions
        && actions.stream().allMatch(String.class::isInstance)) {
      return new Grant(
          type, name, new TreeSet<>(actions.stream().map(String.class::cast).toList()));
    }
    throw new Refusal("the token's access is not a list of type, name and actions");
  }
}
