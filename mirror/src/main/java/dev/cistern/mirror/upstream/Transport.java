package dev.cistern.mirror.upstream;

import dev.cistern.base.MemoryBudget;
import dev.cistern.base.MemoryBudget.Account;
import dev.cistern.base.MemoryBudget.Lease;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.ConnectException;
import java.net.SocketException;
import java.net.URI;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.hc.client5.http.auth.StandardAuthScheme;
import org.apache.hc.client5.http.classic.methods.HttpUriRequestBase;
import org.apache.hc.client5.http.config.ConnectionConfig;
import org.apache.hc.client5.http.config.RequestConfig;
import org.apache.hc.client5.http.impl.ChainElement;
import org.apache.hc.client5.http.impl.classic.CloseableHttpClient;
import org.apache.hc.client5.http.impl.classic.HttpClients;
import org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManager;
import org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManagerBuilder;
import org.apache.hc.client5.http.protocol.HttpClientContext;
import org.apache.hc.client5.http.routing.RoutingSupport;
import org.apache.hc.core5.http.ClassicHttpRequest;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.ConnectionRequestTimeoutException;
import org.apache.hc.core5.http.ContentType;
import org.apache.hc.core5.http.Header;
import org.apache.hc.core5.http.HttpEntity;
import org.apache.hc.core5.http.HttpException;
import org.apache.hc.core5.http.NoHttpResponseException;
import org.apache.hc.core5.http.impl.io.HttpRequestExecutor;
import org.apache.hc.core5.http.io.HttpClientConnection;
import org.apache.hc.core5.http.io.HttpResponseInformationCallback;
import org.apache.hc.core5.http.io.SocketConfig;
import org.apache.hc.core5.http.io.entity.StringEntity;
import org.apache.hc.core5.http.protocol.HttpContext;
import org.apache.hc.core5.pool.PoolConcurrencyPolicy;
import org.apache.hc.core5.util.TimeValue;
import org.apache.hc.core5.util.Timeout;
import org.jspecify.annotations.Nullable;

/**
 * HTTP to one upstream: connections, TLS, redirects. Blocking; called from virtual threads.
 *
 * <p>Timeouts are for idleness, never for the total. Redirects are followed here, at most five,
 * never from https to http, and without the Authorization header once scheme, host or port differ.
 */
final class Transport implements AutoCloseable {
  private static final int MOST_REDIRECTS = 5;
  private static final int DRAIN_BYTES = 16 << 10;
  private static final TimeValue CHECK_AFTER = TimeValue.ofSeconds(5);

  private final Limits limits;
  private final Routes routes;
  private final PoolingHttpClientConnectionManager connections;
  private final CloseableHttpClient client;
  private final MemoryBudget memory;

  Transport(UpstreamSettings settings, MemoryBudget memory) {
    this.memory = memory;
    ConnectionSettings connection = settings.connection();
    TrustedPlaces trusted = TrustedPlaces.of(settings.trusted()).and(settings.endpoint());
    var destinations = new Destinations(trusted, connection.proxies().proxies());
    this.limits = connection.limits();
    this.routes = new Routes(connection.proxies(), destinations);
    this.connections = connections(limits, destinations, new Tls(settings));
    this.client =
        HttpClients.custom()
            .setConnectionManager(connections)
            .setRequestExecutor(new Executor(timeout(limits.idle())))
            .setRoutePlanner(routes)
            .addExecInterceptorAfter(ChainElement.CONNECT.name(), "reached", routes)
            .setDefaultRequestConfig(
                RequestConfig.custom()
                    .setConnectionRequestTimeout(timeout(limits.headers()))
                    .setResponseTimeout(timeout(limits.headers()))
                    .setTargetPreferredAuthSchemes(List.of())
                    .setProxyPreferredAuthSchemes(List.of(StandardAuthScheme.BASIC))
                    .build())
            .setUserAgent("cistern")
            .disableRedirectHandling()
            .disableAutomaticRetries()
            .disableContentCompression()
            .disableCookieManagement()
            .disableAuthCaching()
            .disableConnectionState()
            .build();
  }

  /** Makes the pool: whoever waits for a connection is served in the order of coming. */
  private static PoolingHttpClientConnectionManager connections(
      Limits limits, Destinations destinations, Tls tls) {
    return PoolingHttpClientConnectionManagerBuilder.create()
        .setDnsResolver(destinations)
        .setTlsSocketStrategy(tls)
        .setPoolConcurrencyPolicy(PoolConcurrencyPolicy.STRICT)
        .setMaxConnPerRoute(limits.connections())
        .setMaxConnTotal(limits.connections())
        .setDefaultSocketConfig(
            SocketConfig.custom()
                .setSoTimeout(timeout(limits.headers()))
                .setTcpNoDelay(true)
                .build())
        .setDefaultConnectionConfig(
            ConnectionConfig.custom()
                .setConnectTimeout(timeout(limits.connect()))
                .setSocketTimeout(timeout(limits.headers()))
                .setValidateAfterInactivity(CHECK_AFTER)
                .build())
        .build();
  }

  private static Timeout timeout(Duration duration) {
    return Timeout.of(duration);
  }

  /** Waits for a head as long as for heads, and for what follows as long as for bodies. */
  private static final class Executor extends HttpRequestExecutor {
    private final Timeout idle;

    Executor(Timeout idle) {
      this.idle = idle;
    }

    @Override
    public ClassicHttpResponse execute(
        ClassicHttpRequest request,
        HttpClientConnection connection,
        @Nullable HttpResponseInformationCallback information,
        HttpContext context)
        throws IOException, HttpException {
      ClassicHttpResponse response = super.execute(request, connection, information, context);
      connection.setSocketTimeout(idle);
      return response;
    }
  }

  /** There is no memory for an answer. */
  static final class BusyException extends IOException {
    private static final long serialVersionUID = 1L;

    BusyException(MemoryBudget.RefusedException cause) {
      super(cause.getMessage(), cause);
    }
  }

  /** Returns a lease for the body of an answer, of no bytes yet. */
  Lease lease() {
    return memory.lease(Account.UPSTREAM_ANSWERS, List.of());
  }

  /**
   * Takes memory for what is parsed from a text.
   *
   * @throws BusyException if there is none in time
   */
  Lease tree(byte[] text) throws BusyException {
    Lease tree = memory.lease(Account.PARSED_TREES, List.of());
    take(tree, MemoryBudget.treeBytes(text.length));
    return tree;
  }

  private static void take(Lease lease, long bytes) throws BusyException {
    try {
      lease.take(bytes, MemoryBudget.PATIENCE);
    } catch (MemoryBudget.RefusedException e) {
      throw new BusyException(e);
    }
  }

  /** One response; the caller closes it. */
  final class Response implements RemoteBlob.Body {
    private final HttpUriRequestBase request;
    private final ClassicHttpResponse response;
    private boolean isElsewhere;
    private boolean isRead;
    private long left;

    Response(HttpUriRequestBase request, ClassicHttpResponse response) {
      this.request = request;
      this.response = response;
      this.left = response.getEntity() == null ? 0 : response.getEntity().getContentLength();
    }

    /** Says whether a redirect led to another scheme, host or port, which sent this. */
    boolean isElsewhere() {
      return isElsewhere;
    }

    int status() {
      return response.getCode();
    }

    Optional<String> header(String name) {
      Header header = response.getFirstHeader(name);
      return header == null ? Optional.empty() : Optional.ofNullable(header.getValue());
    }

    List<String> headers(String name) {
      return Arrays.stream(response.getHeaders(name)).map(Header::getValue).toList();
    }

    @Override
    public int read(byte[] buffer) throws IOException {
      HttpEntity entity = response.getEntity();
      int n = entity == null ? -1 : entity.getContent().read(buffer);
      isRead |= n < 0;
      left -= left > 0 && n > 0 ? n : 0;
      return n;
    }

    /** Reads the body if it is at most {@code most} bytes long; empty if it is longer. */
    Optional<byte[]> body(int most) throws IOException {
      try (Lease lease = lease()) {
        return body(most, lease);
      }
    }

    /**
     * Reads the body if it is at most {@code most} bytes long; empty if it is longer.
     *
     * @param lease for it, which the caller closes when it is done with the body
     * @throws IOException if it does not come, or there is no memory for it
     */
    Optional<byte[]> body(int most, Lease lease) throws IOException {
      var body = new ByteArrayOutputStream();
      byte[] buffer = new byte[DRAIN_BYTES];
      for (int n = read(buffer); n >= 0; n = read(buffer)) {
        if (body.size() + n > most) {
          return Optional.empty();
        }
        take(lease, n);
        body.write(buffer, 0, n);
      }
      return Optional.of(body.toByteArray());
    }

    /** Gives the connection back; one with much unread is dropped rather than read. */
    @Override
    public void close() {
      try {
        HttpEntity rest = isRead ? null : response.getEntity();
        if (rest != null) {
          boolean isLittle = left >= 0 && left <= DRAIN_BYTES;
          if (!isLittle || body(DRAIN_BYTES).isEmpty()) {
            request.abort();
          }
        }
        response.close();
      } catch (IOException e) {
        // The connection is broken; dropping it is all that is left to do.
        request.abort();
      }
    }
  }

  /**
   * Sends a request without a body and returns the response to it, after redirects.
   *
   * @throws IOException if there is none, or a redirect leads where none may
   */
  Response send(String method, URI uri, Map<String, String> headers, @Nullable String authorization)
      throws IOException {
    URI target = uri;
    String secret = authorization;
    for (int redirects = 0; ; redirects++) {
      Response response = sendOnce(method, target, headers, secret, null);
      Optional<String> location =
          isRedirect(response.status()) ? response.header("Location") : Optional.empty();
      if (location.isEmpty()) {
        response.isElsewhere = !sameOrigin(uri, target);
        return response;
      }
      response.close();
      if (redirects == MOST_REDIRECTS) {
        throw new IOException("more than " + MOST_REDIRECTS + " redirects");
      }
      URI next = redirected(target, location.get());
      if (!sameOrigin(target, next)) {
        secret = null;
      }
      target = next;
    }
  }

  /**
   * Posts a form; a redirect is not followed, since what is in a form may be secret.
   *
   * @throws IOException if there is no response
   */
  Response post(URI uri, String form) throws IOException {
    return sendOnce("POST", uri, Map.of(), null, form);
  }

  /** Closes the connections that are not in use; those that are can be used on. */
  void closeIdle() {
    connections.closeIdle(TimeValue.ZERO_MILLISECONDS);
  }

  @Override
  public void close() throws IOException {
    client.close();
  }

  /**
   * Sends a request to one place; again if the connection ends unanswered, since an upstream may
   * close a pooled one at any time (RFC 9112 section 9.5). The second goes over a new connection.
   */
  private Response sendOnce(
      String method,
      URI uri,
      Map<String, String> headers,
      @Nullable String authorization,
      @Nullable String form)
      throws IOException {
    try {
      return attempt(method, uri, headers, authorization, form);
    } catch (ConnectException e) {
      throw e;
    } catch (NoHttpResponseException | SocketException e) {
      closeIdle();
      return attempt(method, uri, headers, authorization, form);
    }
  }

  private Response attempt(
      String method,
      URI uri,
      Map<String, String> headers,
      @Nullable String authorization,
      @Nullable String form)
      throws IOException {
    var request = new HttpUriRequestBase(method, uri);
    headers.forEach(request::setHeader);
    if (authorization != null) {
      request.setHeader("Authorization", authorization);
    }
    if (form != null) {
      request.setEntity(new StringEntity(form, ContentType.APPLICATION_FORM_URLENCODED));
    }
    HttpClientContext context = routes.begin(uri);
    try {
      var response =
          new Response(
              request, client.executeOpen(RoutingSupport.determineHost(request), request, context));
      try {
        routes.check(uri, context, response.status());
      } catch (IOException e) {
        response.close();
        throw e;
      }
      return response;
    } catch (ConnectionRequestTimeoutException e) {
      throw new IOException(
          "all of its "
              + limits.connections()
              + " connections are busy and none became free in "
              + limits.headers().toMillis()
              + " ms",
          e);
    } catch (HttpException e) {
      throw new IOException("cannot ask " + Destinations.origin(uri) + ": " + e.getMessage(), e);
    } catch (IllegalStateException e) {
      throw new IOException("the server is stopping", e); // so the client says that it is closed
    }
  }

  private static boolean isRedirect(int status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
  }

  private static URI redirected(URI from, String location) throws IOException {
    URI next;
    try {
      next = from.resolve(location);
    } catch (IllegalArgumentException e) {
      throw new IOException("a redirect to what is no URI", e);
    }
    boolean isHttp = "http".equals(next.getScheme());
    boolean isWeb = isHttp || "https".equals(next.getScheme());
    if (!isWeb || !Destinations.isPlace(next)) {
      throw new IOException("a redirect to another scheme than http and https");
    }
    if (isHttp && "https".equals(from.getScheme())) {
      throw new IOException("a redirect from https to http");
    }
    if (next.getRawUserInfo() != null) {
      throw new IOException("a redirect with user information");
    }
    return next;
  }

  private static boolean sameOrigin(URI one, URI other) {
    return one.getScheme().equals(other.getScheme())
        && Destinations.origin(one).equals(Destinations.origin(other));
  }
}
