package dev.cistern.mirror.upstream;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.Collection;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Hosts that a configuration lists, each on one port: {@code host} means the usual port of the
 * scheme that is asked with, {@code host:port} that port whatever the scheme. IPv6 addresses stand
 * in brackets. Letter case and a final dot do not count.
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

  /** Returns these and the place of a URI, on its port only. */
  TrustedPlaces and(URI uri) {
    return of(Stream.concat(entries.stream(), Stream.of(place(uri.getHost(), port(uri)))).toList());
  }

  /** Returns whether a URI leads to one of them. */
  boolean has(URI uri) {
    boolean isUsual = port(uri) == usualPort(uri);
    return entries.contains(place(uri.getHost(), port(uri)))
        || (isUsual && entries.contains(normal(bracketed(uri.getHost()))));
  }

  /** Returns whether a place is one of them with any scheme. */
  boolean has(String host, int port) {
    boolean isUsual = port == HTTP || port == HTTPS;
    return entries.contains(place(host, port))
        || (isUsual && entries.contains(normal(bracketed(host))));
  }

  /** Returns whether what another list says is one of them, asked with this scheme. */
  boolean hasEntry(String entry, String scheme) {
    try {
      var uri = new URI(scheme + "://" + entry);
      return Destinations.isPlace(uri) && has(uri);
    } catch (URISyntaxException notAPlace) {
      return false;
    }
  }

  /** Returns the entry that would add a place, if it is asked with the usual scheme of its port. */
  static String entry(String host, int port) {
    return port == HTTP || port == HTTPS ? normal(bracketed(host)) : place(host, port);
  }

  /** Returns the port that a URI leads to. */
  static int port(URI uri) {
    return uri.getPort() < 0 ? usualPort(uri) : uri.getPort();
  }

  /** Returns the host of an entry or name, in the form that this compares. */
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

  /** Returns an entry in small letters and without a dot at the host's end. */
  private static String normal(String entry) {
    return entry.toLowerCase(Locale.ROOT).replaceFirst("\\.(?=:\\d+$|$)", "");
  }
}
