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
 * How an upstream registry is reached.
 *
 * @param name the first path component under which its repositories are kept here
 * @param registry the host by which clients know it ({@code ?ns=}), and its key in credentials
 * @param endpoint where it answers: scheme, host and port
 * @param caFile certificates in PEM that are trusted instead of the JDK's
 * @param insecure whether certificates are not verified and credentials go over plain http too
 * @param realms hosts of token services that may get the registry's credentials; {@code host} means
 *     the usual port of the scheme, {@code host:port} that port
 * @param trusted hosts, like {@code realms}, that may be on private addresses, for token services
 *     and redirects
 * @param alternatives more endpoints that have the same content, to be asked when this one fails
 * @param isDigestOnly whether tags are never asked for
 * @param prefetch the platforms whose layers are brought here as soon as a tag is; none in the list
 *     for all, empty for what is asked for only
 * @param connection limits, proxies, and what it is shown when it asks who we are
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
   * Returns the credentials that serve one of its repositories.
   *
   * @throws CredentialsException if a credential helper is to say and fails
   */
  public Optional<Keyring.Entry> entry(RepositoryName repository) {
    return keyring.entryFor(registry, repository.path(), "http".equals(endpoint.getScheme()));
  }

  /** Returns the settings of one of the endpoints, counted from 0. */
  public UpstreamSettings at(int number) {
    return number == 0 ? this : with(alternatives.get(number - 1), keyring, List.of());
  }

  /** Returns the same with other credentials. */
  public UpstreamSettings with(Keyring other) {
    return with(endpoint, other, alternatives);
  }

  /**
   * Returns the same, reached without verified TLS: each endpoint by its scheme, and those that are
   * not by plain HTTP after them all.
   */
  public UpstreamSettings insecurely() {
    Stream<URI> plain =
        endpoints().stream()
            .filter(UpstreamSettings::isSecure)
            .map(uri -> URI.create("http://" + uri.getRawAuthority()));
    List<URI> others = Stream.concat(alternatives.stream(), plain).toList();
    return with(endpoint, keyring, others, true);
  }

  /** Returns all endpoints, in the order they are asked. */
  public List<URI> endpoints() {
    return Stream.concat(Stream.of(endpoint), alternatives.stream()).toList();
  }

  /**
   * Returns the realms that are on the host of an endpoint or of a trusted host, but on a port that
   * is not trusted: on a private address they are refused.
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

  /** Says whether an endpoint is asked over TLS. */
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
