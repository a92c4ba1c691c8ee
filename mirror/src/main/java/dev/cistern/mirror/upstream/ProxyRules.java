package dev.cistern.mirror.upstream;

import java.net.URI;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Which requests go through which proxy.
 *
 * @param http the proxy for http, if any
 * @param https the proxy for https, if any
 * @param direct the hosts that are reached without one all the same
 */
public record ProxyRules(Optional<HttpProxy> http, Optional<HttpProxy> https, NoProxy direct) {
  /** No proxy for anything. */
  public static final ProxyRules DIRECT =
      new ProxyRules(Optional.empty(), Optional.empty(), NoProxy.NOTHING);

  /** Returns the rule that sends everything through one proxy. */
  public static ProxyRules through(HttpProxy proxy) {
    return new ProxyRules(Optional.of(proxy), Optional.of(proxy), NoProxy.NOTHING);
  }

  /**
   * Reads HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, each also in lower case, which wins. An
   * empty variable is as good as none. What listens on this host's loopback is never asked for
   * through a proxy of the environment, which would look for it on its own.
   *
   * @throws IllegalArgumentException if a variable that is in force has no value of its form
   */
  public static ProxyRules of(Map<String, String> environment) {
    Optional<HttpProxy> http = proxy(environment, "http_proxy", "HTTP_PROXY");
    Optional<HttpProxy> https = proxy(environment, "https_proxy", "HTTPS_PROXY");
    if (http.isEmpty() && https.isEmpty()) {
      return DIRECT;
    }
    return new ProxyRules(http, https, NoProxy.parse(first(environment, "no_proxy", "NO_PROXY")));
  }

  /** Returns the proxy for a request to {@code uri}. */
  public Optional<HttpProxy> proxyFor(URI uri) {
    boolean isHttps = "https".equalsIgnoreCase(uri.getScheme());
    int port = uri.getPort() >= 0 ? uri.getPort() : isHttps ? 443 : 80;
    return proxyFor(isHttps, uri.getHost(), port);
  }

  Optional<HttpProxy> proxyFor(boolean isHttps, String host, int port) {
    return (isHttps ? https : http).filter(one -> !direct.matches(host, port));
  }

  /** Returns all proxies that may be used. */
  List<HttpProxy> proxies() {
    return List.of(http, https).stream().flatMap(Optional::stream).distinct().toList();
  }

  private static Optional<HttpProxy> proxy(
      Map<String, String> environment, String lower, String upper) {
    for (String name : List.of(lower, upper, "all_proxy", "ALL_PROXY")) {
      String text = environment.getOrDefault(name, "").strip();
      if (!text.isEmpty()) {
        String url = text.contains("://") ? text : "http://" + text;
        return Optional.of(
            HttpProxy.parse(url)
                .orElseThrow(() ->
                    new IllegalArgumentException(
                        "the environment's "
                            + name
                            + ": http://[user:password@]host:port is expected")));
      }
    }
    return Optional.empty();
  }

  private static String first(Map<String, String> environment, String lower, String upper) {
    String text = environment.getOrDefault(lower, "");
    return text.isEmpty() ? environment.getOrDefault(upper, "") : text;
  }
}
