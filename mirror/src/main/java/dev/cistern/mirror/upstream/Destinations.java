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
 * Where requests may go. The registry itself and what the configuration lists may be anywhere, each
 * on its own port only; a token service or a redirect target that an upstream names may only be on
 * public addresses, so that no upstream can make this server talk to its own network
 * (CVE-2026-33540). The check is in the resolver that connections use, so a name cannot change its
 * address between check and use.
 *
 * <p>A name behind a proxy is resolved by the proxy, which knows what it may reach; of what goes
 * through one only addresses and the names of this host are checked here.
 */
final class Destinations implements DnsResolver {
  private static final int MAX_PORT = 65_535;

  private final TrustedPlaces trusted;
  private final Collection<HttpProxy> proxies;
  private final DnsResolver names;

  /**
   * Trusts these places, and the proxies on their ports.
   *
   * @param names returns the addresses of a host
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

  /** Returns whether a URI has a host, and no port that no socket has. */
  static boolean isPlace(URI uri) {
    return uri.getHost() != null && uri.getPort() <= MAX_PORT;
  }

  /** Returns the host of a URI without the brackets of an IPv6 address. */
  static String unbracketed(String host) {
    return host.startsWith("[") && host.endsWith("]") ? host.substring(1, host.length() - 1) : host;
  }

  /** Returns the address that a host is, if it is one. */
  static Optional<InetAddress> literal(String host) {
    return read(host, InetAddress::ofLiteral);
  }

  /** Says whether a name means this host whoever resolves it (RFC 6761 section 6.3). */
  static boolean isLocalName(String host) {
    String name = host.toLowerCase(Locale.ROOT).replaceFirst("\\.$", "");
    return name.equals("localhost") || name.endsWith(".localhost");
  }

  /**
   * Checks what is left to check of a place that a proxy is asked for. A proxy may also read octal
   * and hexadecimal addresses, so all readings must be public.
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
   * Checks a place before it is dialled. The resolver of the connection checks again, but does not
   * know the scheme: an entry without a port would cover the usual port of the other scheme too.
   *
   * @throws UnknownHostException if it is on a private address, and not trusted
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

  /** Trusts nothing, since what is trusted is so on one port. */
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
