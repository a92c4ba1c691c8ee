package dev.cistern.mirror.upstream;

import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.hc.client5.http.DnsResolver;
import org.apache.hc.client5.http.SystemDefaultDnsResolver;

/**
 * Where requests may go. The registry itself and what the configuration lists may be anywhere; a
 * token service or a redirect target that an upstream names may only be on public addresses, so
 * that no upstream can make this server talk to its own network (CVE-2026-33540). The check is in
 * the resolver that connections use, so a name cannot change its address between check and use.
 *
 * <p>A name behind a proxy is resolved by the proxy, which knows what it may reach; of what goes
 * through one only addresses and the names of this host are checked here.
 */
final class Destinations implements DnsResolver {
  private static final int MAX_PORT = 65_535;
  private static final int CARRIER_NAT_FIRST = 100;
  private static final int RESERVED_FIRST = 240;
  private static final int NAT64_FIRST = 0x0064ff9b;
  private static final int SIX_TO_FOUR_FIRST = 0x2002;

  private final Set<String> trustedHosts;
  private final Collection<HttpProxy> proxies;
  private final DnsResolver names;

  /**
   * Trusts the hosts of {@code origins}, each {@code host} or {@code host:port}, and the proxies on
   * their ports.
   */
  Destinations(Set<String> origins, Collection<HttpProxy> proxies) {
    this(origins, proxies, SystemDefaultDnsResolver.INSTANCE);
  }

  /** Asks {@code names} which addresses a host has. */
  Destinations(Set<String> origins, Collection<HttpProxy> proxies, DnsResolver names) {
    this.trustedHosts =
        origins.stream().map(Destinations::hostOf).collect(Collectors.toUnmodifiableSet());
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
   * Checks what is left to check of a host that a proxy is asked for. A proxy may also read octal
   * and hexadecimal addresses, so all readings must be public.
   *
   * @throws UnknownHostException if it is a private address or this host, and not trusted
   */
  void checkProxied(String host) throws UnknownHostException {
    String name = unbracketed(host).replaceFirst("\\.$", "");
    if (trustedHosts.contains(hostOf(name))) {
      return;
    }
    if (isLocalName(name)) {
      throw new UnknownHostException(
          name + " is this host; list it under the upstream's trusted hosts if that is meant");
    }
    List<InetAddress> readings =
        Stream.of(literal(name), read(name, Inet4Address::ofPosixLiteral))
            .flatMap(Optional::stream)
            .toList();
    check(name, readings);
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
    String name = hostOf(host);
    boolean isProxy =
        proxies.stream().anyMatch(proxy -> proxy.port() == port && proxy.host().equals(name));
    InetAddress[] addresses = isProxy ? names.resolve(host) : resolve(host);
    return Arrays.stream(addresses).map(address -> new InetSocketAddress(address, port)).toList();
  }

  @Override
  public InetAddress[] resolve(String host) throws UnknownHostException {
    InetAddress[] addresses = names.resolve(host);
    if (!trustedHosts.contains(hostOf(host))) {
      check(host, List.of(addresses));
    }
    return addresses;
  }

  private static void check(String host, List<InetAddress> addresses) throws UnknownHostException {
    for (InetAddress address : addresses) {
      if (!isPublic(address)) {
        throw new UnknownHostException(
            host
                + " is on the private address "
                + address.getHostAddress()
                + "; list it under the upstream's trusted hosts if that is meant");
      }
    }
  }

  @Override
  public String resolveCanonicalHostname(String host) throws UnknownHostException {
    return names.resolveCanonicalHostname(host);
  }

  private static String hostOf(String origin) {
    String text = origin.toLowerCase(Locale.ROOT);
    if (text.startsWith("[")) {
      return text.substring(1, Math.max(1, text.indexOf(']')));
    }
    int colon = text.indexOf(':');
    return colon >= 0 && colon == text.lastIndexOf(':') ? text.substring(0, colon) : text;
  }

  private static boolean isPublic(InetAddress address) {
    byte[] bytes = address.getAddress();
    boolean isUniqueLocal = address instanceof Inet6Address && (bytes[0] & 0xfe) == 0xfc;
    boolean isCarrierNat =
        bytes.length == 4 && bytes[0] == CARRIER_NAT_FIRST && (bytes[1] & 0xc0) == 0x40;
    boolean isThisNetwork = bytes.length == 4 && bytes[0] == 0;
    boolean isReserved = bytes.length == 4 && (bytes[0] & 0xff) >= RESERVED_FIRST;
    return !(address.isLoopbackAddress()
            || address.isAnyLocalAddress()
            || address.isLinkLocalAddress()
            || address.isSiteLocalAddress()
            || address.isMulticastAddress()
            || isUniqueLocal
            || isCarrierNat
            || isThisNetwork
            || isReserved)
        && embedded(bytes).stream().allMatch(Destinations::isPublic);
  }

  /** Returns the IPv4 address that a gateway makes of an IPv6 address (RFC 6052, RFC 3056). */
  private static Optional<InetAddress> embedded(byte[] bytes) {
    if (bytes.length == 4) {
      return Optional.empty();
    }
    ByteBuffer all = ByteBuffer.wrap(bytes);
    boolean isCompatible = all.getLong(0) == 0 && all.getInt(8) == 0;
    boolean isNat64 = all.getInt(0) == NAT64_FIRST;
    boolean isSixToFour = all.getShort(0) == SIX_TO_FOUR_FIRST;
    int from = isSixToFour ? 2 : 12;
    if (!isCompatible && !isNat64 && !isSixToFour) {
      return Optional.empty();
    }
    try {
      return Optional.of(InetAddress.getByAddress(Arrays.copyOfRange(bytes, from, from + 4)));
    } catch (UnknownHostException e) {
      throw new IllegalStateException("four bytes are an address", e);
    }
  }
}
