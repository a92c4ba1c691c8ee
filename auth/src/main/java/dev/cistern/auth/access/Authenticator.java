package dev.cistern.auth.access;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import dev.cistern.base.MonotonicClock;
import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

/**
 * Authentication of requests by the value of their {@code Authorization} header (RFC 9110, section
 * 11.6.2).
 *
 * <p>Results are remembered: tokens until they expire, passwords for 5 minutes, rejections for 1 s.
 * They are found by a hash of the header with a random key of this process, so that no secret is
 * stored. Equal headers that arrive at once are checked once. Users, keys and issuers are
 * immutable. When they change, a new authenticator replaces this one, and its results are dropped.
 * Thread-safe.
 */
public final class Authenticator {
  /**
   * The maximum length of a header in characters: a token of maximum length in base64, and more.
   */
  static final int LONGEST_HEADER = 24 * 1024;

  private static final int REMEMBERED = 10_000;
  private static final int WAITING = 256;
  private static final Duration PASSWORDS = Duration.ofMinutes(5);
  private static final Duration REFUSALS = Duration.ofSeconds(1);
  private static final String HASH = "HmacSHA256";

  private final Users users;
  private final Tokens tokens;
  private final List<OidcIssuer> issuers;
  private final InstantSource clock;
  private final InstantSource running;
  private final PasswordChecks checks;

  /** Initialized with its key, and only cloned, which halves the work of creating one. */
  private final Mac hash;

  private final ConcurrentMap<ByteBuffer, CompletableFuture<Outcome>> underWay =
      new ConcurrentHashMap<>();
  private final Cache<ByteBuffer, Known> known =
      Caffeine.newBuilder()
          .maximumWeight(REMEMBERED)
          .weigher((ByteBuffer key, Known value) -> value.weight())
          .build();

  /** Checks at most as many passwords at once as there are processors. */
  public Authenticator(Users users, Tokens tokens, List<OidcIssuer> issuers, InstantSource clock) {
    this(
        users,
        tokens,
        issuers,
        clock,
        MonotonicClock.SYSTEM,
        new PasswordChecks(Runtime.getRuntime().availableProcessors(), WAITING));
  }

  Authenticator(
      Users users,
      Tokens tokens,
      List<OidcIssuer> issuers,
      InstantSource clock,
      InstantSource running,
      PasswordChecks checks) {
    this.users = users;
    this.tokens = tokens;
    this.issuers = List.copyOf(issuers);
    this.clock = clock;
    this.running = running;
    this.checks = checks;
    byte[] random = new byte[32];
    new SecureRandom().nextBytes(random);
    this.hash = hash(random);
  }

  private static Mac hash(byte[] key) {
    try {
      Mac mac = Mac.getInstance(HASH);
      mac.init(new SecretKeySpec(key, HASH));
      return mac;
    } catch (GeneralSecurityException impossible) {
      throw new IllegalStateException("every Java has " + HASH, impossible);
    }
  }

  /**
   * A result, and how long it is valid.
   *
   * @param until the end by the wall clock, which the times of tokens refer to
   * @param end the end by the monotonic clock, which is never set back
   */
  private record Known(Outcome outcome, Instant until, Instant end) {
    /** Returns 1 for a usual caller, and more for a caller with many groups and grants. */
    int weight() {
      return outcome instanceof Outcome.Caller(var principal, var grants, var impersonation)
          ? 1 + (principal.groups().size() + grants.map(List::size).orElse(0)) / 8
          : 1;
    }
  }

  /**
   * Returns the remembered result for a header, or null if {@link #authenticate} must be called.
   * Never blocks.
   */
  public @Nullable Outcome known(String header) {
    return header.length() > LONGEST_HEADER ? null : known(key(header));
  }

  private @Nullable Outcome known(ByteBuffer key) {
    Known entry = known.getIfPresent(key);
    return entry != null
            && clock.instant().isBefore(entry.until)
            && running.instant().isBefore(entry.end)
        ? entry.outcome
        : null;
  }

  /**
   * Authenticates a header. Blocks while a password is checked, including the wait for earlier
   * checks.
   */
  public Outcome authenticate(String header) {
    if (header.length() > LONGEST_HEADER) {
      return new Outcome.Refused(
          "the Authorization header is longer than " + LONGEST_HEADER + " characters");
    }
    ByteBuffer key = key(header);
    Outcome remembered = known(key);
    if (remembered != null) {
      return remembered;
    }
    var mine = new CompletableFuture<Outcome>();
    CompletableFuture<Outcome> others = underWay.putIfAbsent(key, mine);
    return others == null ? lead(key, header, mine) : others.join();
  }

  private Outcome lead(ByteBuffer key, String header, CompletableFuture<Outcome> followers) {
    try {
      Known found = check(header);
      known.put(key, found);
      followers.complete(found.outcome);
      return found.outcome;
    } catch (RuntimeException | Error failed) {
      followers.completeExceptionally(failed);
      throw failed;
    } finally {
      underWay.remove(key);
    }
  }

  private Known check(String header) {
    int space = header.indexOf(' ');
    String scheme = space < 0 ? header : header.substring(0, space).toLowerCase(Locale.ROOT);
    String rest = space < 0 ? "" : header.substring(space).strip();
    return switch (scheme) {
      case "basic" -> checkBasic(rest);
      case "bearer" -> checkToken(rest, false);
      default -> refused("the Authorization header is neither Basic nor Bearer");
    };
  }

  /** Checks user name and password (RFC 7617); the password may be a token. */
  private Known checkBasic(String encoded) {
    String pair;
    try {
      pair = new String(Base64.getDecoder().decode(encoded), UTF_8);
    } catch (IllegalArgumentException notBase64) {
      return refused("the Basic credentials are not base64");
    }
    int colon = pair.indexOf(':');
    if (colon < 0) {
      return refused("the Basic credentials are not user:password");
    }
    String password = pair.substring(colon + 1);
    return UncheckedToken.isLike(password)
        ? checkToken(password, true)
        : checkPassword(pair.substring(0, colon), password);
  }

  private Known checkPassword(String name, String password) {
    try {
      Optional<Optional<Principal>> user = checks.run(() -> users.verify(name, password));
      if (user.isEmpty()) {
        return busy();
      }
      return user.get()
          .map(principal -> remembered(principal, PASSWORDS))
          .orElseGet(() -> refused("user or password is wrong"));
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
      return busy();
    }
  }

  private Known checkToken(String text, boolean isPassword) {
    try {
      UncheckedToken token = UncheckedToken.parse(text);
      if (tokens.isOwn(token)) {
        return checkOwn(token, isPassword);
      }
      for (OidcIssuer issuer : issuers) {
        if (issuer.isOwn(token)) {
          OidcIssuer.Identity identity = issuer.verify(token);
          return until(
              new Outcome.Caller(identity.principal(), Optional.empty()), identity.expires());
        }
      }
      return refused("the token is of an issuer that is not known here");
    } catch (Refusal refusal) {
      return refused(refusal.reason());
    }
  }

  private Known checkOwn(UncheckedToken token, boolean isPassword) throws Refusal {
    return switch (tokens.verify(token)) {
      case Verified.Access access when isPassword ->
          refused("an access token is for Bearer, not a password");
      case Verified.Access(Principal principal, List<Grant> grants, Instant expires) ->
          until(new Outcome.Caller(principal, Optional.of(grants)), expires);
      case Verified.ServiceAccount(Principal principal, Instant expires) ->
          until(new Outcome.Caller(principal, Optional.empty()), expires);
      case Verified.Refresh refresh -> refused("a refresh token is only for the token endpoint");
      case Verified.Refused(String reason) -> refused(reason);
    };
  }

  private Known remembered(Principal principal, Duration howLong) {
    return until(new Outcome.Caller(principal, Optional.empty()), clock.instant().plus(howLong));
  }

  private Known refused(String reason) {
    return until(new Outcome.Refused(reason), clock.instant().plus(REFUSALS));
  }

  private Known until(Outcome outcome, Instant until) {
    Duration howLong = Duration.between(clock.instant(), until);
    return new Known(outcome, until, running.instant().plus(howLong));
  }

  /** Returns a result that is not remembered, because the next attempt may succeed. */
  private static Known busy() {
    return new Known(new Outcome.Busy(), Instant.MIN, Instant.MIN);
  }

  private ByteBuffer key(String header) {
    try {
      Mac mac = (Mac) hash.clone();
      return ByteBuffer.wrap(mac.doFinal(header.getBytes(UTF_8)));
    } catch (CloneNotSupportedException impossible) {
      throw new IllegalStateException("that of every Java can be cloned", impossible);
    }
  }
}
