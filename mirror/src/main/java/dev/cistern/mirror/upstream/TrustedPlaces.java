package dev.cistern.mirror.upstream;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.Collection;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The hosts of a configured list, each on one port. {@code host} means the usual port of the
 * request's scheme, {@code host:port} that port with any scheme. IPv6 addresses are in brackets.
 * Letter case and a final dot are ignored.
 */
record TrustedPlaces(Set<String> entries) {
  private static final int HTTP = 80;
  private static final int HTTPS = 443;

  TrustedPlaces {
    entries = entries.stream().map(TrustedPlaces::normal).collect(Collectors.toUnmodifiableSet());
  }

  static TrustedPlaces of(Collection<String> entries) {
    return new TrustedPlaces(Set.copyOf(entries));
  }

  /** Returns these places and that of a URI, on its port only. */
  TrustedPlaces and(URI uri) {
    return of(Stream.concat(entries.stream(), Stream.of(place(uri.getHost(), port(uri)))).toList());
  }

  /** Returns whether the destination of a URI is one of these places. */
  boolean has(URI uri) {
    boolean isUsual = port(uri) == usualPort(uri);
    return entries.contains(place(uri.getHost(), port(uri)))
        || (isUsual && entries.contains(normal(bracketed(uri.getHost()))));
  }

  /** Returns whether a host and port are one of these places with any scheme. */
  boolean has(String host, int port) {
    boolean isUsual = port == HTTP || port == HTTPS;
    return entries.contains(place(host, port))
        || (isUsual && entries.contains(normal(bracketed(host))));
  }

  /**
   * Returns whether an entry of another list is one of these places, if requested with this scheme.
   */
  boolean hasEntry(String entry, String scheme) {
    try {
      var uri = new URI(scheme + "://" + entry);
      return Destinations.isPlace(uri) && has(uri);
    } catch (URISyntaxException notAPlace) {
      return false;
    }
  }

  /**
   * Returns the entry that would add a place, if it is requested with the usual scheme of its port.
   */
  static String entry(String host, int port) {
    return port == HTTP || port == HTTPS ? normal(bracketed(host)) : place(host, port);
  }

  /** Returns the port of a URI, or the usual one of its scheme. */
  static int port(URI uri) {
    return uri.getPort() < 0 ? usualPort(uri) : uri.getPort();
  }

  /** Returns the host of an entry or name, in the normal form of this class. */
  static String hostOf(String entry) {
    String text = normal(entry);
    int end = text.startsWith("[") ? text.indexOf(']') + 1 : text.indexOf(':');
    return end > 0 ? text.substring(0, end) : text;
  }

  private static int usualPort(URI uri) {
    return "https".equalsIgnoreCase(uri.getScheme()) ? HTTPS : HTTP;
  }

  private static String place(String host, int port) {
    return normal(bracketed(host)) + ":" + port;
  }

  private static String bracketed(String host) {
    String bare = Destinations.unbracketed(host);
    return bare.indexOf(':') < 0 ? bare : "[" + bare + "]";
  }

  /** Returns an entry in lower case and without a dot at the host's end. */
  private static String normal(String entry) {
    return entry.toLowerCase(Locale.ROOT).replaceFirst("\\.(?=:\\d+$|$)", "");
  }
}
