package dev.cistern.mirror.upstream;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import dev.cistern.auth.credentials.Credentials;
import dev.cistern.auth.credentials.CredentialsException;
import dev.cistern.auth.credentials.Keyring;
import dev.cistern.oci.HostileJson;
import dev.cistern.oci.RepositoryName;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The authorization of requests to one upstream: Basic, or Bearer tokens from the service that its
 * challenge names (distribution's "Token Authentication Specification").
 *
 * <p>A token is cached by realm, service, scope and credentials. It is replaced when 80 % of its
 * lifetime is over. Credentials are looked up for each request, so changed ones take effect at
 * once.
 *
 * <p>A token service on the registry's own host receives the registry's credentials. So does one
 * that the settings tie to the registry, unless it has an entry of its own. No other token service
 * receives the registry's credentials. It receives those of its own host's entry, or none.
 */
final class Tokens {
  private static final int MOST_TOKEN_BYTES = 1 << 20;
  private static final Duration DEFAULT_LIFE = Duration.ofSeconds(60);
  private static final Duration LONGEST_LIFE = Duration.ofDays(1);

  /** Maximum number of characters in the token cache, and in the cache of challenges. */
  private static final int MOST_CHARACTERS = 4 << 20;

  private static final int MOST_REFUSED = 10_000;
  private static final Duration REFUSAL_KEPT = Duration.ofMinutes(1);
  private static final int MOST_PROBLEMS = 3;
  private static final JsonMapper JSON = HostileJson.mapper(1_000, HostileJson.MOST_DEPTH);

  private final UpstreamSettings settings;
  private final Transport transport;
  private final InstantSource clock;
  private final Cache<Key, Token> tokens =
      Caffeine.newBuilder()
          .maximumWeight(MOST_CHARACTERS)
          .weigher((Key key, Token token) -> key.length() + token.value().length())
          .build();
  private final Cache<RepositoryName, Challenge> challenges =
      Caffeine.newBuilder()
          .maximumWeight(MOST_CHARACTERS)
          .weigher((RepositoryName name, Challenge challenge) ->
              name.path().length() + challenge.toString().length())
          .build();

  /** Recently rejected credentials for repositories that anonymous requests can read. */
  private final Cache<RepositoryName, Credentials> refused =
      Caffeine.newBuilder().maximumSize(MOST_REFUSED).expireAfterWrite(REFUSAL_KEPT).build();

  Tokens(UpstreamSettings settings, Transport transport, InstantSource clock) {
    this.settings = settings;
    this.transport = transport;
    this.clock = clock;
  }

  private record Key(
      String realm, String service, String scope, Optional<Credentials> credentials) {
    /**
     * Returns the number of characters of the texts that a token service or challenge can choose.
     */
    int length() {
      return realm.length() + service.length() + scope.length();
    }
  }

  private record Token(String value, Instant renewal) {
    String header() {
      return "Bearer " + value;
    }

    /** Hides the token, which is secret. */
    @Override
    public String toString() {
      return "***";
    }
  }

  /**
   * Returns the authorization for a request, beginning with the one that the last challenge asked
   * for.
   *
   * @param deadline the deadline of the request, which its token requests have to meet too
   */
  Login login(RepositoryName repository, Deadline deadline) {
    var login = new Login(repository, deadline);
    login.begin();
    return login;
  }

  /**
   * The authorizations that one request presents in turn, until one is accepted. The first is the
   * cached one. The next ones are those that the challenge asks for, with a fresh token once. If
   * these credentials are rejected, the last attempt is anonymous, because the upstream may permit
   * anonymous pulls of the repository. Used by one thread.
   */
  final class Login {
    private static final int MOST_TRIES = 2;

    private final RepositoryName repository;
    private final Deadline deadline;
    private @Nullable String header;
    private int tries;
    private boolean isAnonymous;
    private boolean isNothingRefused;
    private Optional<Credentials> refusedCredentials = Optional.empty();
    private @Nullable Challenge failed;
    private @Nullable IOException trouble;

    private Login(RepositoryName repository, Deadline deadline) {
      this.repository = repository;
      this.deadline = deadline;
    }

    private void begin() {
      Challenge challenge = challenges.getIfPresent(repository);
      if (challenge == null) {
        return;
      }
      try {
        Optional<Credentials> credentials = credentials(challenge);
        isAnonymous =
            credentials.isPresent()
                && credentials.equals(Optional.ofNullable(refused.getIfPresent(repository)));
        header =
            authorization(
                    challenge, repository, isAnonymous ? Optional.empty() : credentials, deadline)
                .orElse(null);
        tries = header == null || isAnonymous ? 0 : 1;
      } catch (IOException e) {
        // The upstream may expect other authorization by now, which its next challenge names.
        failed = challenge;
        trouble = e;
      }
    }

    /** Returns the value of the Authorization header, or null for none. */
    @Nullable String header() {
      return header;
    }

    /** Records that the upstream accepted the request. */
    void accept() {
      if (isAnonymous) {
        refusedCredentials.ifPresent(credentials -> refused.put(repository, credentials));
      }
    }

    /**
     * Finds the next authorization to present after a 401.
     *
     * @throws TokenRefusedException if none is left
     */
    void meet(Challenge challenge) throws IOException {
      challenges.put(repository, challenge);
      String before = header;
      isNothingRefused |= before == null;
      forget(repository, before);
      boolean wasRemembered = isAnonymous && refusedCredentials.isEmpty();
      if (wasRemembered) {
        refused.invalidate(repository);
        isAnonymous = false;
      }
      Optional<Credentials> credentials = credentials(challenge);
      boolean isNew = meetWith(challenge, credentials, before);
      if (!isNew && (isAnonymous || !meetAnonymously(challenge, credentials))) {
        throw new TokenRefusedException(
            refusal(challenge, credentials.or(() -> refusedCredentials)));
      }
    }

    /** Prepares the next authorization; returns whether there is one that was not rejected yet. */
    private boolean meetWith(
        Challenge challenge, Optional<Credentials> credentials, @Nullable String before)
        throws IOException {
      if (isAnonymous || tries == MOST_TRIES) {
        return false;
      }
      tries++;
      try {
        if (trouble != null && challenge.equals(failed)) {
          throw trouble;
        }
        trouble = null;
        header = authorization(challenge, repository, credentials, deadline).orElse(null);
        return header != null && !header.equals(before);
      } catch (TokenRefusedException e) {
        trouble = e;
        return false;
      }
    }

    private boolean meetAnonymously(Challenge challenge, Optional<Credentials> credentials)
        throws IOException {
      if (credentials.isEmpty()) {
        return false;
      }
      isAnonymous = true;
      refusedCredentials = credentials;
      try {
        header = authorization(challenge, repository, Optional.empty(), deadline).orElse(null);
      } catch (TokenRefusedException e) {
        return false;
      }
      return header != null || !isNothingRefused;
    }

    private Optional<Credentials> credentials(Challenge challenge) throws IOException {
      return grant(challenge, repository).map(Keyring.Entry::credentials);
    }

    private String refusal(Challenge challenge, Optional<Credentials> credentials)
        throws IOException {
      String what =
          trouble instanceof TokenRefusedException refusal
              ? String.valueOf(refusal.getMessage())
              : "it answered 401";
      if (credentials.isPresent()) {
        String key = grant(challenge, repository).map(Keyring.Entry::key).orElse("the registry");
        return what + " to the credentials of " + key + ", and anonymous pulls are refused too";
      }
      var reasons = new ArrayList<String>();
      reasons.add(what + ": it wants credentials and none are configured for " + wanted(challenge));
      settings.keyring().problems().stream().limit(MOST_PROBLEMS).forEach(reasons::add);
      return String.join("; ", reasons);
    }

    /** Returns the registry or token service for which credentials would help. */
    private String wanted(Challenge challenge) throws IOException {
      if (challenge.scheme().equals("basic")) {
        return settings.registry();
      }
      URI realm = realm(challenge);
      String origin = Destinations.origin(realm);
      return isOwn(realm) || isTied(realm)
          ? settings.registry()
          : origin + " (those of " + settings.registry() + " go there only if realms lists it)";
    }
  }

  /**
   * Removes the rejected token. Other tokens for its scope may have been fetched meanwhile, and
   * stay.
   */
  private void forget(RepositoryName repository, @Nullable String header) {
    String scope = scope(repository);
    tokens
        .asMap()
        .entrySet()
        .removeIf(entry ->
            entry.getKey().scope().equals(scope) && entry.getValue().header().equals(header));
  }

  private Optional<String> authorization(
      Challenge challenge,
      RepositoryName repository,
      Optional<Credentials> credentials,
      Deadline deadline)
      throws IOException {
    if (challenge.scheme().equals("basic")) {
      return credentials.map(Credentials::basic);
    }
    URI realm = realm(challenge);
    String service = challenge.parameters().getOrDefault("service", "");
    var key = new Key(realm.toString(), service, scope(repository), credentials);
    Token token = tokens.getIfPresent(key);
    if (token == null || !clock.instant().isBefore(token.renewal())) {
      token = fetch(realm, key, deadline.orIn(settings.connection().limits().answer()));
      tokens.put(key, token);
    }
    return Optional.of(token.header());
  }

  private static String scope(RepositoryName repository) {
    return "repository:" + repository + ":pull";
  }

  private URI realm(Challenge challenge) throws IOException {
    String text = challenge.parameters().getOrDefault("realm", "");
    URI realm;
    try {
      realm = URI.create(text);
    } catch (IllegalArgumentException e) {
      throw new IOException("its token service is no URI", e);
    }
    boolean isAllowed =
        "https".equals(realm.getScheme())
            || (settings.insecure() && "http".equals(realm.getScheme()));
    if (!Destinations.isPlace(realm) || realm.getRawUserInfo() != null || !isAllowed) {
      throw new IOException(
          "its token service is not on https; mark the upstream insecure if that is meant");
    }
    return realm;
  }

  /**
   * Returns the entry with the credentials for a challenge; empty over plain HTTP, unless the
   * upstream is marked insecure.
   */
  private Optional<Keyring.Entry> grant(Challenge challenge, RepositoryName repository)
      throws IOException {
    boolean isSecret = "https".equals(settings.endpoint().getScheme()) || settings.insecure();
    if (!isSecret) {
      return Optional.empty();
    }
    if (challenge.scheme().equals("basic")) {
      return lookUp(() -> settings.entry(repository));
    }
    URI realm = realm(challenge);
    String origin = Destinations.origin(realm);
    if (isOwn(realm)) {
      return lookUp(() -> settings.entry(repository));
    }
    boolean isHttp = "http".equals(realm.getScheme());
    Optional<Keyring.Entry> ofRealm = lookUp(() -> settings.keyring().entryFor(origin, "", isHttp));
    return ofRealm.isEmpty() && isTied(realm) ? lookUp(() -> settings.entry(repository)) : ofRealm;
  }

  /** Returns whether a token service is on the registry's own host and port. */
  private boolean isOwn(URI realm) {
    return TrustedPlaces.of(List.of(settings.registry())).and(settings.endpoint()).has(realm);
  }

  /** Returns whether the settings tie a token service, on its port, to the registry. */
  private boolean isTied(URI realm) {
    return TrustedPlaces.of(settings.realms()).has(realm);
  }

  private static Optional<Keyring.Entry> lookUp(Supplier<Optional<Keyring.Entry>> question)
      throws IOException {
    try {
      return question.get();
    } catch (CredentialsException e) {
      throw new TokenRefusedException("its credentials cannot be had: " + e.getMessage());
    }
  }

  private Token fetch(URI realm, Key key, Deadline deadline) throws IOException {
    String identityToken = key.credentials().map(Credentials::identityToken).orElse("");
    if (!identityToken.isEmpty()) {
      try (Transport.Response response =
          transport.post(realm, refreshForm(key, identityToken), deadline)) {
        boolean isUnknown = response.status() == 404 || response.status() == 405;
        if (!isUnknown) {
          return token(realm, response);
        }
      }
    }
    String separator = realm.getRawQuery() == null ? "?" : "&";
    String query = service(key) + "scope=" + URLEncoder.encode(key.scope(), UTF_8);
    @Nullable String basic = key.credentials().map(Tokens::basic).orElse(null);
    try (Transport.Response response =
        transport.send("GET", URI.create(realm + separator + query), Map.of(), basic, deadline)) {
      return token(realm, response);
    }
  }

  private static String service(Key key) {
    return key.service().isEmpty()
        ? ""
        : "service=" + URLEncoder.encode(key.service(), UTF_8) + "&";
  }

  /** Returns the form of RFC 6749 section 6, with the fields that Docker sends. */
  private static String refreshForm(Key key, String refreshToken) {
    return "grant_type=refresh_token&"
        + service(key)
        + "client_id=cistern&scope="
        + URLEncoder.encode(key.scope(), UTF_8)
        + "&refresh_token="
        + URLEncoder.encode(refreshToken, UTF_8);
  }

  /**
   * Returns the Basic authorization. A service without support for refresh tokens may accept one as
   * the password, as containerd sends it.
   */
  private static String basic(Credentials credentials) {
    return credentials.password().isEmpty() && !credentials.identityToken().isEmpty()
        ? new Credentials(credentials.username(), credentials.identityToken(), "").basic()
        : credentials.basic();
  }

  private Token token(URI realm, Transport.Response response) throws IOException {
    int status = response.status();
    String trouble = "its token service " + Destinations.origin(realm) + " answered " + status;
    if (status == 429) {
      throw new TokenThrottledException(response.header("Retry-After"));
    }
    if (status >= 500) {
      throw new IOException(trouble);
    }
    if (status != 200) {
      throw new TokenRefusedException(trouble);
    }
    byte[] body =
        response
            .body(MOST_TOKEN_BYTES)
            .orElseThrow(() -> new IOException("its token service sent too much"));
    return parse(body);
  }

  private Token parse(byte[] body) throws IOException {
    JsonNode answer;
    try {
      answer = JSON.readTree(body);
    } catch (JacksonException e) {
      throw new IOException("its token service sent no JSON", e);
    }
    String value = answer.path("token").asString(answer.path("access_token").asString(""));
    if (value.isEmpty() || value.chars().anyMatch(c -> c <= ' ' || c > '~')) {
      throw new IOException("its token service sent no token");
    }
    long said = answer.path("expires_in").asLong(DEFAULT_LIFE.toSeconds());
    long seconds = Math.clamp(said, 0, LONGEST_LIFE.toSeconds());
    return new Token(value, clock.instant().plusMillis(seconds * 800));
  }
}
