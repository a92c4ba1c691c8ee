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
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.apache.hc.client5.http.SystemDefaultDnsResolver;
import org.apache.hc.client5.http.auth.StandardAuthScheme;
import org.apache.hc.client5.http.classic.methods.HttpUriRequestBase;
import org.apache.hc.client5.http.config.ConnectionConfig;
import org.apache.hc.client5.http.config.RequestConfig;
import org.apache.hc.client5.http.impl.ChainElement;
import org.apache.hc.client5.http.impl.classic.CloseableHttpClient;
import org.apache.hc.client5.http.impl.classic.HttpClients;
import org.apache.hc.client5.http.impl.io.ManagedHttpClientConnectionFactory;
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
 * <p>A {@link Watch} limits the total time of each stage up to the head of the answer, regardless
 * of received bytes. With a {@link Deadline}, it also limits the time to the end of the answer. The
 * body of a blob is limited by idleness alone.
 *
 * <p>Redirects are followed, at most five, and never from https to http. The Authorization header
 * is removed once scheme, host or port differ.
 */
final class Transport implements AutoCloseable {
  private static final int MOST_REDIRECTS = 5;
  private static final int DRAIN_BYTES = 16 << 10;
  private static final TimeValue CHECK_AFTER = TimeValue.ofSeconds(5);
  private static final String WATCH = "cistern.watch";

  /**
   * The reason if the connection is cut between two steps of the client library. The library then
   * throws IllegalStateException.
   */
  private static final String CUT = "the connection was cut";

  /** Maximum time to read the rest of an answer only to reuse its connection. */
  private static final Duration DRAIN_TIME = Duration.ofSeconds(1);

  /** Maximum time that a download waits for one of the connections for blobs. */
  private static final Duration BLOB_PATIENCE = Duration.ofSeconds(2);

  private final Limits limits;
  private final Routes routes;
  private final PoolingHttpClientConnectionManager connections;
  private final Semaphore blobs;
  private final CloseableHttpClient client;
  private final MemoryBudget memory;

  Transport(UpstreamSettings settings, MemoryBudget memory) {
    this.memory = memory;
    ConnectionSettings connection = settings.connection();
    TrustedPlaces trusted = TrustedPlaces.of(settings.trusted()).and(settings.endpoint());
    this.limits = connection.limits();
    this.blobs = new Semaphore(limits.blobs(), true);
    var names = new TimedNames(SystemDefaultDnsResolver.INSTANCE, limits.connect());
    var destinations = new Destinations(trusted, connection.proxies().proxies(), names);
    this.routes = new Routes(connection.proxies(), destinations);
    this.connections = connections(limits, destinations, new Tls(settings));
    this.client =
        HttpClients.custom()
            .setConnectionManager(connections)
            .setRequestExecutor(new Executor(limits))
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

  /** Creates the pool. Requests that wait for a connection are served in the order of arrival. */
  private static PoolingHttpClientConnectionManager connections(
      Limits limits, Destinations destinations, Tls tls) {
    return PoolingHttpClientConnectionManagerBuilder.create()
        .setDnsResolver(destinations)
        .setConnectionFactory(
            ManagedHttpClientConnectionFactory.builder()
                .http1Config(Heads.CONFIG)
                .responseParserFactory(config -> new Heads())
                .build())
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

  /**
   * An executor that limits the whole head of an answer by the time for heads, and each read after
   * it by the time for idleness. These limits also apply to the response of a proxy to CONNECT,
   * together with the handshake that follows.
   */
  private static final class Executor extends HttpRequestExecutor {
    private final Limits limits;

    Executor(Limits limits) {
      this.limits = limits;
    }

    @Override
    public ClassicHttpResponse execute(
        ClassicHttpRequest request,
        HttpClientConnection connection,
        @Nullable HttpResponseInformationCallback information,
        HttpContext context)
        throws IOException, HttpException {
      if (context.getAttribute(WATCH) instanceof Watch watch) {
        watch.begin(limits.headers(), "it timed out: no head of an answer in ");
      }
      ClassicHttpResponse response = super.execute(request, connection, information, context);
      connection.setSocketTimeout(timeout(limits.idle()));
      return response;
    }
  }

  /** Thrown when no memory is left for an answer. */
  static final class BusyException extends IOException {
    private static final long serialVersionUID = 1L;

    BusyException(MemoryBudget.RefusedException cause) {
      super(cause.getMessage(), cause);
    }
  }

  /** Returns a lease for the body of an answer, initially of zero bytes. */
  Lease lease() {
    return memory.lease(Account.UPSTREAM_ANSWERS, List.of());
  }

  /**
   * Takes memory for the tree that is parsed from a text; waits up to {@link
   * MemoryBudget#PATIENCE}.
   *
   * @throws BusyException if the memory is not available in time
   */
  Lease tree(byte[] text) throws BusyException {
    Lease tree = memory.lease(Account.PARSED_TREES, List.of());
    take(tree, MemoryBudget.treeBytes(text.length));
    return tree;
  }

  /**
   * Takes more memory; waits up to {@link MemoryBudget#PATIENCE}.
   *
   * @throws BusyException if the memory is not available in time
   */
  static void take(Lease lease, long bytes) throws BusyException {
    try {
      lease.take(bytes, MemoryBudget.PATIENCE);
    } catch (MemoryBudget.RefusedException e) {
      throw new BusyException(e);
    }
  }

  /**
   * Takes one of the connections for blobs; waits up to {@link #BLOB_PATIENCE}. Downloads that
   * switch to this upstream because another one fails have no turn at this one, so turns do not
   * limit them.
   *
   * @return false if none became available
   */
  boolean takeBlobConnection() {
    try {
      return blobs.tryAcquire(BLOB_PATIENCE.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** Returns the connection that {@link #takeBlobConnection} took. */
  void giveBlobConnection() {
    blobs.release();
  }

  /** One response, which the caller has to close. */
  final class Response implements RemoteBlob.Body {
    private final HttpUriRequestBase request;
    private final ClassicHttpResponse response;
    private final Watch watch;
    private boolean isElsewhere;
    private boolean isRead;
    private long left;

    Response(HttpUriRequestBase request, ClassicHttpResponse response, Watch watch) {
      this.request = request;
      this.response = response;
      this.watch = watch;
      this.left = response.getEntity() == null ? 0 : response.getEntity().getContentLength();
    }

    /** Returns whether a redirect led to another scheme, host or port, which sent this response. */
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
      try {
        int n = entity == null ? -1 : entity.getContent().read(buffer);
        isRead |= n < 0;
        left -= left > 0 && n > 0 ? n : 0;
        return n;
      } catch (IOException e) {
        throw watch.explained(e);
      } catch (IllegalStateException e) {
        throw watch.explained(new IOException(CUT, e));
      }
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
     * @param lease the memory of the body, which the caller closes after its use
     * @throws IOException if the body does not arrive, or there is no memory for it
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

    @Override
    public void cut() {
      request.abort();
    }

    /**
     * Returns the connection to the pool. If too many bytes are unread, or they arrive slowly, the
     * connection is dropped instead.
     */
    @Override
    public void close() {
      watch.begin(DRAIN_TIME, "no end in ");
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
        // The connection is broken and can only be dropped.
        request.abort();
      } finally {
        watch.end();
      }
    }
  }

  /**
   * Sends a request without a body and returns the response to it, after redirects.
   *
   * @param deadline the deadline for the whole exchange, including the response's body
   * @throws IOException if there is no response, or a redirect is not permitted
   */
  Response send(
      String method,
      URI uri,
      Map<String, String> headers,
      @Nullable String authorization,
      Deadline deadline)
      throws IOException {
    URI target = uri;
    String secret = authorization;
    for (int redirects = 0; ; redirects++) {
      Response response = sendOnce(method, target, headers, secret, null, deadline);
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
   * Posts a form. Redirects are not followed, because a form may contain secrets.
   *
   * @param deadline the deadline for the whole exchange, including the response's body
   * @throws IOException if there is no response
   */
  Response post(URI uri, String form, Deadline deadline) throws IOException {
    return sendOnce("POST", uri, Map.of(), null, form, deadline);
  }

  /** Closes idle connections; connections in use are not affected. */
  void closeIdle() {
    connections.closeIdle(TimeValue.ZERO_MILLISECONDS);
  }

  @Override
  public void close() throws IOException {
    client.close();
  }

  /**
   * Sends a request to one destination. If the connection ends without a response, the request is
   * sent once more. An upstream may close a pooled connection at any time (RFC 9112 section 9.5).
   * The second attempt uses a new connection.
   */
  private Response sendOnce(
      String method,
      URI uri,
      Map<String, String> headers,
      @Nullable String authorization,
      @Nullable String form,
      Deadline deadline)
      throws IOException {
    try {
      return attempt(method, uri, headers, authorization, form, deadline);
    } catch (ConnectException e) {
      throw e;
    } catch (NoHttpResponseException | SocketException e) {
      closeIdle();
      return attempt(method, uri, headers, authorization, form, deadline);
    }
  }

  private Response attempt(
      String method,
      URI uri,
      Map<String, String> headers,
      @Nullable String authorization,
      @Nullable String form,
      Deadline deadline)
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
    var watch = new Watch(deadline, request::abort);
    context.setAttribute(WATCH, watch);
    watch.begin(limits.headers().multipliedBy(2), "it timed out: no connection in ");
    boolean isOpen = false;
    try {
      var response =
          new Response(
              request,
              client.executeOpen(RoutingSupport.determineHost(request), request, context),
              watch);
      try {
        routes.check(uri, context, response.status());
      } catch (IOException e) {
        response.close();
        throw e;
      }
      watch.beginBody();
      isOpen = true;
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
      throw watch.explained(
          new IOException("cannot ask " + Destinations.origin(uri) + ": " + e.getMessage(), e));
    } catch (IOException e) {
      throw watch.explained(e);
    } catch (IllegalStateException e) {
      throw watch.explained(new IOException("the server is stopping", e)); // the client is closed
    } finally {
      if (!isOpen) {
        watch.end();
      }
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
