package dev.cistern.mirror.upstream;

import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;
import org.apache.hc.client5.http.DnsResolver;

/**
 * The destinations that requests may have. The registry and the configured hosts may be at any
 * address, each on its own port only. Token services and redirect targets that an upstream names
 * may only be at public addresses. Therefore, no upstream can make this server connect to its own
 * network (CVE-2026-33540). The check is in the resolver of the connections, so a name cannot
 * change its address between check and use.
 *
 * <p>A proxy resolves the names of proxied requests, and knows which hosts it may reach. For these
 * requests, only literal addresses and the names of this host are checked.
 */
final class Destinations implements DnsResolver {
  private static final int MAX_PORT = 65_535;

  private final TrustedPlaces trusted;
  private final Collection<HttpProxy> proxies;
  private final DnsResolver names;

  /**
   * Trusts these places, and the proxies on their ports.
   *
   * @param names the resolver of host names
   */
  Destinations(TrustedPlaces trusted, Collection<HttpProxy> proxies, DnsResolver names) {
    this.trusted = trusted;
    this.proxies = proxies;
    this.names = names;
  }

  /** Returns {@code host} or {@code host:port} of a URI, without the default port. */
  static String origin(URI uri) {
    return origin(uri.getScheme(), uri.getHost(), uri.getPort());
  }

  /** Returns {@code host} or {@code host:port}, an IPv6 address in brackets. */
  static String origin(String scheme, String name, int port) {
    boolean isDefault = port < 0 || port == (scheme.equalsIgnoreCase("https") ? 443 : 80);
    String bare = unbracketed(name.toLowerCase(Locale.ROOT));
    String host = bare.indexOf(':') < 0 ? bare : "[" + bare + "]";
    return isDefault ? host : host + ":" + port;
  }

  /** Returns whether a URI has a host, and no port above 65,535. */
  static boolean isPlace(URI uri) {
    return uri.getHost() != null && uri.getPort() <= MAX_PORT;
  }

  /** Returns the host of a URI without the brackets of an IPv6 address. */
  static String unbracketed(String host) {
    return host.startsWith("[") && host.endsWith("]") ? host.substring(1, host.length() - 1) : host;
  }

  /** Returns the address if {@code host} is a literal address. */
  static Optional<InetAddress> literal(String host) {
    return read(host, InetAddress::ofLiteral);
  }

  /** Returns whether a name denotes this host for every resolver (RFC 6761 section 6.3). */
  static boolean isLocalName(String host) {
    String name = host.toLowerCase(Locale.ROOT).replaceFirst("\\.$", "");
    return name.equals("localhost") || name.endsWith(".localhost");
  }

  /**
   * Checks the destination of a proxied request. A proxy may also interpret octal and hexadecimal
   * addresses, so all interpretations must be public.
   *
   * @throws UnknownHostException if it is a private address or this host, and not trusted
   */
  void checkProxied(URI uri) throws UnknownHostException {
    String name = unbracketed(uri.getHost()).replaceFirst("\\.$", "");
    if (trusted.has(uri)) {
      return;
    }
    if (isLocalName(name)) {
      throw new UnknownHostException(name + " is this host; " + advice(origin(uri)));
    }
    List<InetAddress> readings =
        Stream.of(literal(name), read(name, Inet4Address::ofPosixLiteral))
            .flatMap(Optional::stream)
            .toList();
    check(name, origin(uri), readings);
  }

  /**
   * Checks a destination before it is dialed. The resolver of the connection checks again, but does
   * not know the scheme. An entry without a port would also cover the usual port of the other
   * scheme there.
   *
   * @throws UnknownHostException if it is at a private address, and not trusted
   */
  void checkDirect(URI uri) throws UnknownHostException {
    if (trusted.has(uri.getHost(), TrustedPlaces.port(uri)) && !trusted.has(uri)) {
      String host = unbracketed(uri.getHost());
      check(host, origin(uri), List.of(names.resolve(host)));
    }
  }

  private static Optional<InetAddress> read(String host, Function<String, InetAddress> reader) {
    try {
      return Optional.of(reader.apply(host));
    } catch (IllegalArgumentException notAnAddress) {
      return Optional.empty();
    }
  }

  @Override
  public List<InetSocketAddress> resolve(String host, int port) throws UnknownHostException {
    InetAddress[] addresses = names.resolve(host);
    String name = unbracketed(host.toLowerCase(Locale.ROOT));
    boolean isProxy =
        proxies.stream().anyMatch(proxy -> proxy.port() == port && proxy.host().equals(name));
    if (!isProxy && !trusted.has(host, port)) {
      check(host, TrustedPlaces.entry(host, port), List.of(addresses));
    }
    return Arrays.stream(addresses).map(address -> new InetSocketAddress(address, port)).toList();
  }

  /** Trusts no host, because hosts are trusted on one port only. */
  @Override
  public InetAddress[] resolve(String host) throws UnknownHostException {
    InetAddress[] addresses = names.resolve(host);
    check(host, host, List.of(addresses));
    return addresses;
  }

  private static void check(String host, String entry, List<InetAddress> addresses)
      throws UnknownHostException {
    for (InetAddress address : addresses) {
      if (!SpecialAddresses.isPublic(address)) {
        throw new UnknownHostException(
            host + " is on the private address " + address.getHostAddress() + "; " + advice(entry));
      }
    }
  }

  private static String advice(String entry) {
    return "add " + entry + " to its trustedHosts if that is meant";
  }

  @Override
  public String resolveCanonicalHostname(String host) throws UnknownHostException {
    return names.resolveCanonicalHostname(host);
  }
}
