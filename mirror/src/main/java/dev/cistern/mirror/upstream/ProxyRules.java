package dev.cistern.mirror.upstream;

import java.net.URI;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The choice of a proxy for each request.
 *
 * @param http the proxy for http, if any
 * @param https the proxy for https, if any
 * @param direct the hosts that are nevertheless reached without a proxy
 */
public record ProxyRules(Optional<HttpProxy> http, Optional<HttpProxy> https, NoProxy direct) {
  /** The rules without a proxy. */
  public static final ProxyRules DIRECT =
      new ProxyRules(Optional.empty(), Optional.empty(), NoProxy.NOTHING);

  /** Returns the rules that send every request through one proxy. */
  public static ProxyRules through(HttpProxy proxy) {
    return new ProxyRules(Optional.of(proxy), Optional.of(proxy), NoProxy.NOTHING);
  }

  /**
   * Reads HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY. Each may also be in lower case, which
   * takes precedence. An empty variable counts as unset. Requests to this host's loopback never go
   * through a proxy of the environment, because the proxy would connect to its own loopback.
   *
   * @throws IllegalArgumentException if a variable that is in effect is malformed
   */
  public static ProxyRules of(Map<String, String> environment) {
    Optional<HttpProxy> http = proxy(environment, "http_proxy", "HTTP_PROXY");
    Optional<HttpProxy> https = proxy(environment, "https_proxy", "HTTPS_PROXY");
    if (http.isEmpty() && https.isEmpty()) {
      return DIRECT;
    }
    return new ProxyRules(http, https, NoProxy.parse(first(environment, "no_proxy", "NO_PROXY")));
  }

  /** Returns the proxy for a request to {@code uri}, if any. */
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
