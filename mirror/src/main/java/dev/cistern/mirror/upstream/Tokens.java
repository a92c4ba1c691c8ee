package dev.cistern.mirror.upstream;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import dev.cistern.auth.credentials.Credentials;
import dev.cistern.oci.RepositoryName;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * What authorises requests to one upstream: Basic, or Bearer tokens from the service that its
 * challenge names (distribution's "Token Authentication Specification").
 *
 * <p>A token is cached by realm, service, scope and credentials and is replaced when 80 % of its
 * life is over. The registry's credentials go to a token service only if that is the registry's own
 * host or one the settings tie to it; another service gets the entry of its own host, or nothing.
 */
final class Tokens {
  private static final int MOST_TOKEN_BYTES = 1 << 20;
  private static final Duration DEFAULT_LIFE = Duration.ofSeconds(60);
  private static final int MOST_ENTRIES = 10_000;
  private static final JsonMapper JSON = new JsonMapper();

  private final UpstreamSettings settings;
  private final Transport transport;
  private final InstantSource clock;
  private final Cache<Key, Token> tokens = bounded();
  private final Cache<RepositoryName, Challenge> challenges = bounded();

  Tokens(UpstreamSettings settings, Transport transport, InstantSource clock) {
    this.settings = settings;
    this.transport = transport;
    this.clock = clock;
  }

  private record Key(
      String realm, String service, String scope, Optional<Credentials> credentials) {}

  private record Token(String value, Instant renewal) {}

  private static <K, V> Cache<K, V> bounded() {
    return Caffeine.newBuilder().maximumSize(MOST_ENTRIES).build();
  }

  /** Returns the header to send at first, from what the upstream asked for the last time. */
  Optional<String> known(RepositoryName repository) throws IOException {
    Challenge challenge = challenges.getIfPresent(repository);
    return challenge == null ? Optional.empty() : authorization(challenge, repository);
  }

  /** Returns the header that meets the challenge of a 401, or empty if there is none to give. */
  Optional<String> meet(Challenge challenge, RepositoryName repository) throws IOException {
    challenges.put(repository, challenge);
    return authorization(challenge, repository);
  }

  /** Forgets the token that was refused. */
  void drop(Challenge challenge, RepositoryName repository) {
    if (challenge.scheme().equals("bearer")) {
      String scope = scope(repository);
      tokens.asMap().keySet().removeIf(key -> key.scope().equals(scope));
    }
  }

  private Optional<String> authorization(Challenge challenge, RepositoryName repository)
      throws IOException {
    Optional<Credentials> own = settings.keyring().find(settings.registry(), repository.path());
    if (challenge.scheme().equals("basic")) {
      return isSecret(settings.endpoint()) ? own.map(Credentials::basic) : Optional.empty();
    }
    URI realm = realm(challenge);
    String service = challenge.parameters().getOrDefault("service", "");
    var key = new Key(realm.toString(), service, scope(repository), credentialsFor(realm, own));
    Token token = tokens.getIfPresent(key);
    if (token == null || !clock.instant().isBefore(token.renewal())) {
      token = fetch(realm, key);
      tokens.put(key, token);
    }
    return Optional.of("Bearer " + token.value());
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
    if (realm.getHost() == null || realm.getRawUserInfo() != null || !isAllowed) {
      throw new IOException(
          "its token service is not on https; mark the upstream insecure if that is meant");
    }
    return realm;
  }

  private Optional<Credentials> credentialsFor(URI realm, Optional<Credentials> own) {
    String origin = Destinations.origin(realm);
    boolean isTied =
        origin.equals(Destinations.origin(settings.endpoint()))
            || origin.equals(settings.registry())
            || settings.realms().contains(origin);
    return isTied ? own : settings.keyring().find(origin, "");
  }

  /** Secrets go over https, or to a registry that is marked insecure. */
  private boolean isSecret(URI uri) {
    return "https".equals(uri.getScheme()) || settings.insecure();
  }

  private Token fetch(URI realm, Key key) throws IOException {
    String separator = realm.getRawQuery() == null ? "?" : "&";
    String query =
        (key.service().isEmpty() ? "" : "service=" + URLEncoder.encode(key.service(), UTF_8) + "&")
            + "scope="
            + URLEncoder.encode(key.scope(), UTF_8);
    @Nullable String basic = key.credentials().map(Credentials::basic).orElse(null);
    try (Transport.Response response =
        transport.send("GET", URI.create(realm + separator + query), Map.of(), basic)) {
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
    long seconds = answer.path("expires_in").asLong(DEFAULT_LIFE.toSeconds());
    return new Token(value, clock.instant().plusMillis(Math.max(0, seconds) * 800));
  }
}
