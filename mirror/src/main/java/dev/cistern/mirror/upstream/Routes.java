package dev.cistern.mirror.upstream;

import java.io.IOException;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.Optional;
import org.apache.hc.client5.http.HttpRoute;
import org.apache.hc.client5.http.auth.UsernamePasswordCredentials;
import org.apache.hc.client5.http.classic.ExecChain;
import org.apache.hc.client5.http.classic.ExecChainHandler;
import org.apache.hc.client5.http.impl.auth.BasicScheme;
import org.apache.hc.client5.http.protocol.HttpClientContext;
import org.apache.hc.client5.http.routing.HttpRoutePlanner;
import org.apache.hc.core5.http.ClassicHttpRequest;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.HttpException;
import org.apache.hc.core5.http.HttpHost;
import org.apache.hc.core5.http.protocol.HttpContext;

/**
 * The routes of requests: direct or through a proxy, by CONNECT if they are to https. A response of
 * the proxy itself never passes for a response of the upstream.
 */
final class Routes implements HttpRoutePlanner, ExecChainHandler {
  private static final String REACHED = "cistern.reached";
  private static final int PROXY_WANTS_LOGIN = 407;

  private final ProxyRules rules;
  private final Destinations destinations;

  Routes(ProxyRules rules, Destinations destinations) {
    this.rules = rules;
    this.destinations = destinations;
  }

  @Override
  public HttpRoute determineRoute(HttpHost target, HttpContext context) {
    boolean isSecure = "https".equalsIgnoreCase(target.getSchemeName());
    int port = target.getPort() >= 0 ? target.getPort() : isSecure ? 443 : 80;
    var whole = new HttpHost(target.getSchemeName(), target.getHostName(), port);
    return rules
        .proxyFor(isSecure, target.getHostName(), port)
        .map(proxy -> new HttpRoute(whole, null, host(proxy), isSecure))
        .orElseGet(() -> new HttpRoute(whole, null, isSecure));
  }

  /**
   * Records that a request is being sent to the upstream, after the tunnel to it, if any, is
   * established.
   */
  @Override
  public ClassicHttpResponse execute(
      ClassicHttpRequest request, ExecChain.Scope scope, ExecChain chain)
      throws IOException, HttpException {
    scope.clientContext.setAttribute(REACHED, true);
    return chain.proceed(request, scope);
  }

  /**
   * Returns the context of a request, with the credentials for its proxy.
   *
   * @throws UnknownHostException if the destination is not permitted
   */
  HttpClientContext begin(URI uri) throws UnknownHostException {
    var context = HttpClientContext.create();
    Optional<HttpProxy> proxy = rules.proxyFor(uri);
    if (proxy.isPresent()) {
      destinations.checkProxied(uri);
      proxy
          .get()
          .login()
          .ifPresent(login -> context.getAuthExchange(host(proxy.get())).select(basic(login)));
    } else {
      destinations.checkDirect(uri);
    }
    return context;
  }

  /**
   * Checks that a response is from the upstream.
   *
   * @throws IOException if it is from the proxy
   */
  void check(URI uri, HttpClientContext context, int status) throws IOException {
    Optional<HttpProxy> proxy = rules.proxyFor(uri);
    boolean isProxys = context.getAttribute(REACHED) == null || status == PROXY_WANTS_LOGIN;
    if (proxy.isPresent() && isProxys) {
      String advice = status == PROXY_WANTS_LOGIN ? "; check the user and password for it" : "";
      throw new IOException("the proxy " + proxy.get() + " answered " + status + advice);
    }
  }

  private static HttpHost host(HttpProxy proxy) {
    return new HttpHost("http", proxy.host(), proxy.port());
  }

  private static BasicScheme basic(HttpProxy.Login login) {
    var basic = new BasicScheme();
    basic.initPreemptive(
        new UsernamePasswordCredentials(login.user(), login.password().toCharArray()));
    return basic;
  }
}
