package dev.cistern.mirror.upstream;

import dev.cistern.auth.credentials.CredentialsException;
import dev.cistern.auth.credentials.Keyring;
import dev.cistern.oci.Platform;
import dev.cistern.oci.RepositoryName;
import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The settings of an upstream registry.
 *
 * @param name the first path component of its repositories in this store
 * @param registry the host that clients use for it ({@code ?ns=}), and its key in credentials
 * @param endpoint the scheme, host and port of its API
 * @param caFile a PEM file of certificates that are trusted instead of the JDK's
 * @param insecure whether certificates are not verified and credentials are also sent over plain
 *     HTTP
 * @param realms hosts of token services that may receive the registry's credentials; {@code host}
 *     means the usual port of the scheme, {@code host:port} that port
 * @param trusted hosts, like {@code realms}, of token services and redirect targets that may be at
 *     private addresses
 * @param alternatives further endpoints with the same content, to be tried when this one fails
 * @param isDigestOnly whether tags are never requested
 * @param prefetch the platforms whose layers are fetched as soon as a tag is. An empty list means
 *     all platforms, no list means no prefetch
 * @param connection limits, proxies, and the client certificate
 */
public record UpstreamSettings(
    String name,
    String registry,
    URI endpoint,
    Keyring keyring,
    Optional<Path> caFile,
    boolean insecure,
    Set<String> realms,
    Set<String> trusted,
    Freshness freshness,
    List<URI> alternatives,
    boolean isDigestOnly,
    Optional<List<Platform>> prefetch,
    ConnectionSettings connection) {
  public UpstreamSettings {
    realms = Set.copyOf(realms);
    trusted = Set.copyOf(trusted);
    alternatives = List.copyOf(alternatives);
  }

  /**
   * Returns the credentials for one of the upstream's repositories.
   *
   * @throws CredentialsException if a credential helper is responsible for them and fails
   */
  public Optional<Keyring.Entry> entry(RepositoryName repository) {
    return keyring.entryFor(registry, repository.path(), "http".equals(endpoint.getScheme()));
  }

  /** Returns the settings of one of the endpoints, counted from 0. */
  public UpstreamSettings at(int number) {
    return number == 0 ? this : with(alternatives.get(number - 1), keyring, List.of());
  }

  /** Returns these settings with other credentials. */
  public UpstreamSettings with(Keyring other) {
    return with(endpoint, other, alternatives);
  }

  /**
   * Returns these settings without verification of TLS. Each endpoint is tried with its own scheme.
   * After all of them, the endpoints with https are tried again over plain HTTP.
   */
  public UpstreamSettings insecurely() {
    Stream<URI> plain =
        endpoints().stream()
            .filter(UpstreamSettings::isSecure)
            .map(uri -> URI.create("http://" + uri.getRawAuthority()));
    List<URI> others = Stream.concat(alternatives.stream(), plain).toList();
    return with(endpoint, keyring, others, true);
  }

  /** Returns all endpoints, in the order in which they are tried. */
  public List<URI> endpoints() {
    return Stream.concat(Stream.of(endpoint), alternatives.stream()).toList();
  }

  /**
   * Returns the realms on the host of an endpoint or of a trusted host, but on a port that is not
   * trusted. On a private address, such realms are refused.
   */
  public List<String> realmsOnOtherPorts() {
    TrustedPlaces places =
        endpoints().stream()
            .reduce(TrustedPlaces.of(trusted), TrustedPlaces::and, (one, other) -> other);
    Set<String> hosts =
        places.entries().stream().map(TrustedPlaces::hostOf).collect(Collectors.toSet());
    return realms.stream()
        .filter(realm -> hosts.contains(TrustedPlaces.hostOf(realm)))
        .filter(realm -> !places.hasEntry(realm, endpoint.getScheme()))
        .sorted()
        .toList();
  }

  /** Returns whether an endpoint is reached over TLS. */
  public static boolean isSecure(URI endpoint) {
    return "https".equals(endpoint.getScheme());
  }

  private UpstreamSettings with(URI at, Keyring secrets, List<URI> others) {
    return with(at, secrets, others, insecure);
  }

  private UpstreamSettings with(URI at, Keyring secrets, List<URI> others, boolean isUnverified) {
    return new UpstreamSettings(
        name,
        registry,
        at,
        secrets,
        caFile,
        isUnverified,
        realms,
        trusted,
        freshness,
        others,
        isDigestOnly,
        prefetch,
        connection);
  }
}
