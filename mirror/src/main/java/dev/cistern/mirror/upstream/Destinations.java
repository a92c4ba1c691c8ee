package dev.cistern.mirror.upstream;

import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.hc.client5.http.DnsResolver;

/**
 * Where requests may go. The registry itself and what the configuration lists may be anywhere; a
 * token service or a redirect target that an upstream names may only be on public addresses, so
 * that no upstream can make this server talk to its own network (CVE-2026-33540). The check is in
 * the resolver that connections use, so a name cannot change its address between check and use.
 */
final class Destinations implements DnsResolver {
  private static final int CARRIER_NAT_FIRST = 100;

  private final Set<String> trustedHosts;

  /** Trusts the hosts of {@code origins}, each {@code host} or {@code host:port}. */
  Destinations(Set<String> origins) {
    this.trustedHosts =
        origins.stream().map(Destinations::hostOf).collect(Collectors.toUnmodifiableSet());
  }

  /** Returns {@code host} or {@code host:port} of a URI, without the default port. */
  static String origin(URI uri) {
    int port = uri.getPort();
    boolean isDefault = port < 0 || port == (uri.getScheme().equalsIgnoreCase("https") ? 443 : 80);
    String host = uri.getHost().toLowerCase(Locale.ROOT);
    return isDefault ? host : host + ":" + port;
  }

  @Override
  public InetAddress[] resolve(String host) throws UnknownHostException {
    InetAddress[] addresses = InetAddress.getAllByName(host);
    if (!trustedHosts.contains(hostOf(host))) {
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
    return addresses;
  }

  @Override
  public String resolveCanonicalHostname(String host) throws UnknownHostException {
    return InetAddress.getByName(host).getCanonicalHostName();
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
    return !(address.isLoopbackAddress()
        || address.isAnyLocalAddress()
        || address.isLinkLocalAddress()
        || address.isSiteLocalAddress()
        || address.isMulticastAddress()
        || isUniqueLocal
        || isCarrierNat
        || isThisNetwork);
  }
}
