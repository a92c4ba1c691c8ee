package dev.cistern.server.access;

import java.net.Inet4Address;
import java.net.InetAddress;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * The values of Host that no public DNS record can point at this server (DNS rebinding): IP
 * addresses, names of one label, {@code *.localhost}, {@code *.internal} and configured names.
 * Immutable. Safe for all threads.
 *
 * <p>Addresses count in their canonical form only (RFC 5952), because browsers send this form.
 * Other texts that look like a number are refused.
 */
final class PrivateHosts {
  private static final Pattern PORT = Pattern.compile("(?::\\d{0,5})?");
  private static final Pattern NUMBER = Pattern.compile("\\d+|0x[0-9a-f]*");
  private static final Pattern IPV4 =
      Pattern.compile("(?:(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)(?:\\.(?!$)|$)){4}");
  private static final List<String> PRIVATE_DOMAINS = List.of("localhost", "internal");
  private static final int GROUPS = 8;

  private final Set<String> names;

  /**
   * @param names {@code host} or {@code host:port}; the port does not matter
   */
  PrivateHosts(Collection<String> names) {
    this.names =
        names.stream()
            .map(name -> withoutPort(name.toLowerCase(Locale.ROOT)))
            .collect(Collectors.toUnmodifiableSet());
  }

  /**
   * Returns whether a value of Host is private.
   *
   * @param authority host and port, as in the header
   */
  boolean contains(String authority) {
    String host = withoutPort(authority.toLowerCase(Locale.ROOT));
    if (host.isEmpty()) {
      return false;
    }
    if (host.startsWith("[")) {
      return host.endsWith("]") && isCanonicalIpv6(host.substring(1, host.length() - 1));
    }
    return names.contains(host) || isPrivateName(host);
  }

  /**
   * Returns the host of an authority. If the text after the colon is not a port, returns the whole
   * text, which is not a host.
   */
  private static String withoutPort(String authority) {
    int end = authority.indexOf(':', Math.max(0, authority.lastIndexOf(']')));
    return end >= 0 && PORT.matcher(authority).region(end, authority.length()).matches()
        ? authority.substring(0, end)
        : authority;
  }

  private static boolean isPrivateName(String host) {
    List<String> labels = List.of(host.split("\\.", -1));
    String last = labels.getLast();
    if (labels.contains("") || host.indexOf(':') >= 0) {
      return false;
    }
    if (NUMBER.matcher(last).matches()) {
      return IPV4.matcher(host).matches();
    }
    return labels.size() == 1 || PRIVATE_DOMAINS.contains(last);
  }

  private static boolean isCanonicalIpv6(String text) {
    if (text.indexOf(':') < 0) {
      return false;
    }
    try {
      InetAddress address = InetAddress.ofLiteral(text);
      if (address instanceof Inet4Address) { // ::ffff:192.0.2.1, in one of its two forms
        byte[] bytes = address.getAddress();
        String groups = "%x:%x".formatted(group(bytes[0], bytes[1]), group(bytes[2], bytes[3]));
        return text.equals("::ffff:" + address.getHostAddress()) || text.equals("::ffff:" + groups);
      }
      return text.equals(canonical(address.getAddress()));
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  private static int group(byte high, byte low) {
    return ((high & 0xff) << 8) | (low & 0xff);
  }

  /** Returns an IPv6 address with its longest run of zeros left out (RFC 5952 section 4). */
  private static String canonical(byte[] bytes) {
    int longest = 0;
    int start = -1;
    for (int i = 0, run = 0; i < GROUPS; i++) {
      run = group(bytes[2 * i], bytes[2 * i + 1]) == 0 ? run + 1 : 0;
      if (run > longest && run > 1) {
        longest = run;
        start = i - run + 1;
      }
    }
    var text = new StringBuilder();
    for (int i = 0; i < GROUPS; i++) {
      if (i == start) {
        text.append("::");
        i += longest - 1;
        continue;
      }
      boolean isFirst = text.isEmpty() || text.charAt(text.length() - 1) == ':';
      text.append(isFirst ? "" : ":")
          .append(Integer.toHexString(group(bytes[2 * i], bytes[2 * i + 1])));
    }
    return text.toString();
  }
}
