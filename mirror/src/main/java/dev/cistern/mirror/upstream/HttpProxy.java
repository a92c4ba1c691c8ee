package dev.cistern.mirror.upstream;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.net.URI;
import java.net.URLDecoder;
import java.util.Locale;
import java.util.Optional;

/**
 * An HTTP proxy, reached over plain HTTP.
 *
 * @param host its name or address, an IPv6 address without brackets
 */
public record HttpProxy(String host, int port, Optional<Login> login) {
  /** The credentials for the proxy, sent by Basic authentication. */
  public record Login(String user, String password) {
    @Override
    public String toString() {
      return "user " + user;
    }
  }

  /** Parses {@code http://[user:password@]host:port}; empty for any other text. */
  public static Optional<HttpProxy> parse(String text) {
    URI uri;
    try {
      uri = URI.create(text);
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
    boolean isRoot = uri.getRawPath() == null || uri.getRawPath().length() <= 1;
    boolean isPlain = uri.getRawQuery() == null && uri.getRawFragment() == null;
    boolean isHttp = "http".equalsIgnoreCase(uri.getScheme());
    if (!isHttp || !isRoot || !isPlain || uri.getHost() == null || !isPort(uri.getPort())) {
      return Optional.empty();
    }
    String host = Destinations.unbracketed(uri.getHost().toLowerCase(Locale.ROOT));
    String login = uri.getRawUserInfo();
    return Optional.of(
        new HttpProxy(
            host, uri.getPort(), login == null ? Optional.empty() : Optional.of(login(login))));
  }

  private static boolean isPort(int port) {
    return port > 0 && port <= 65535;
  }

  private static Login login(String text) {
    int colon = text.indexOf(':');
    return colon < 0
        ? new Login(decoded(text), "")
        : new Login(decoded(text.substring(0, colon)), decoded(text.substring(colon + 1)));
  }

  private static String decoded(String text) {
    return URLDecoder.decode(text.replace("+", "%2B"), UTF_8);
  }

  /** Returns {@code host:port}. */
  @Override
  public String toString() {
    return (host.indexOf(':') < 0 ? host : "[" + host + "]") + ":" + port;
  }
}
