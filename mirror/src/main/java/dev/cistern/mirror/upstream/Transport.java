package dev.cistern.mirror.upstream;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.SocketException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import javax.net.ssl.SSLContext;
import org.apache.hc.client5.http.classic.methods.HttpUriRequestBase;
import org.apache.hc.client5.http.config.ConnectionConfig;
import org.apache.hc.client5.http.config.RequestConfig;
import org.apache.hc.client5.http.impl.classic.CloseableHttpClient;
import org.apache.hc.client5.http.impl.classic.HttpClients;
import org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManager;
import org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManagerBuilder;
import org.apache.hc.client5.http.routing.RoutingSupport;
import org.apache.hc.client5.http.ssl.DefaultClientTlsStrategy;
import org.apache.hc.client5.http.ssl.NoopHostnameVerifier;
import org.apache.hc.client5.http.ssl.TlsSocketStrategy;
import org.apache.hc.client5.http.ssl.TrustAllStrategy;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.Header;
import org.apache.hc.core5.http.HttpEntity;
import org.apache.hc.core5.http.HttpException;
import org.apache.hc.core5.http.NoHttpResponseException;
import org.apache.hc.core5.http.io.SocketConfig;
import org.apache.hc.core5.pool.PoolConcurrencyPolicy;
import org.apache.hc.core5.ssl.SSLContexts;
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
  private static final int MOST_CONNECTIONS = 64;
  private static final int DRAIN_BYTES = 16 << 10;
  private static final Timeout CONNECT = Timeout.ofSeconds(10);
  private static final Timeout HEADERS = Timeout.ofSeconds(30);
  private static final Timeout IDLE = Timeout.ofSeconds(60);
  private static final TimeValue CHECK_AFTER = TimeValue.ofSeconds(5);

  private final PoolingHttpClientConnectionManager connections;
  private final CloseableHttpClient client;

  Transport(UpstreamSettings settings) throws IOException {
    Set<String> trusted = new HashSet<>(settings.trusted());
    trusted.add(Destinations.origin(settings.endpoint()));
    this.connections =
        PoolingHttpClientConnectionManagerBuilder.create()
            .setDnsResolver(new Destinations(trusted))
            .setTlsSocketStrategy(tls(settings))
            .setPoolConcurrencyPolicy(PoolConcurrencyPolicy.LAX)
            .setMaxConnPerRoute(MOST_CONNECTIONS)
            .setMaxConnTotal(MOST_CONNECTIONS)
            .setDefaultSocketConfig(
                SocketConfig.custom().setSoTimeout(IDLE).setTcpNoDelay(true).build())
            .setDefaultConnectionConfig(
                ConnectionConfig.custom()
                    .setConnectTimeout(CONNECT)
                    .setSocketTimeout(IDLE)
                    .setValidateAfterInactivity(CHECK_AFTER)
                    .build())
            .build();
    this.client =
        HttpClients.custom()
            .setConnectionManager(connections)
            .setDefaultRequestConfig(
                RequestConfig.custom()
                    .setConnectionRequestTimeout(HEADERS)
                    .setResponseTimeout(HEADERS)
                    .build())
            .setUserAgent("cistern")
            .disableRedirectHandling()
            .disableAutomaticRetries()
            .disableContentCompression()
            .disableCookieManagement()
            .disableAuthCaching()
            .build();
  }

  /** One response; the caller closes it. */
  static final class Response implements AutoCloseable {
    private final HttpUriRequestBase request;
    private final ClassicHttpResponse response;
    private boolean isRead;

    Response(HttpUriRequestBase request, ClassicHttpResponse response) {
      this.request = request;
      this.response = response;
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

    /** Reads what has come, at least one byte; returns how many, or -1 at the end. */
    int read(byte[] buffer) throws IOException {
      HttpEntity entity = response.getEntity();
      int n = entity == null ? -1 : entity.getContent().read(buffer);
      isRead |= n < 0;
      return n;
    }

    /** Reads the body if it is at most {@code most} bytes long; empty if it is longer. */
    Optional<byte[]> body(int most) throws IOException {
      var body = new ByteArrayOutputStream();
      byte[] buffer = new byte[DRAIN_BYTES];
      for (int n = read(buffer); n >= 0; n = read(buffer)) {
        if (body.size() + n > most) {
          return Optional.empty();
        }
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
          boolean isLittle = rest.getContentLength() >= 0 && rest.getContentLength() <= DRAIN_BYTES;
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
      Response response = sendOnce(method, target, headers, secret);
      Optional<String> location =
          isRedirect(response.status()) ? response.header("Location") : Optional.empty();
      if (location.isEmpty()) {
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

  @Override
  public void close() throws IOException {
    client.close();
  }

  /**
   * Sends a request to one place; again if the connection ends unanswered, since an upstream may
   * close a pooled one at any time (RFC 9112 section 9.5). The second goes over a new connection.
   */
  private Response sendOnce(
      String method, URI uri, Map<String, String> headers, @Nullable String authorization)
      throws IOException {
    try {
      return attempt(method, uri, headers, authorization);
    } catch (ConnectException e) {
      throw e;
    } catch (NoHttpResponseException | SocketException e) {
      connections.closeIdle(TimeValue.ZERO_MILLISECONDS);
      return attempt(method, uri, headers, authorization);
    }
  }

  private Response attempt(
      String method, URI uri, Map<String, String> headers, @Nullable String authorization)
      throws IOException {
    var request = new HttpUriRequestBase(method, uri);
    headers.forEach(request::setHeader);
    if (authorization != null) {
      request.setHeader("Authorization", authorization);
    }
    try {
      return new Response(
          request, client.executeOpen(RoutingSupport.determineHost(request), request, null));
    } catch (HttpException e) {
      throw new IOException("cannot ask " + uri + ": " + e.getMessage(), e);
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
    if (!isWeb || next.getHost() == null) {
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

  private static TlsSocketStrategy tls(UpstreamSettings settings) throws IOException {
    try {
      if (settings.insecure()) {
        SSLContext anyone =
            SSLContexts.custom().loadTrustMaterial(TrustAllStrategy.INSTANCE).build();
        return new DefaultClientTlsStrategy(anyone, NoopHostnameVerifier.INSTANCE);
      }
      if (settings.caFile().isPresent()) {
        KeyStore trusted = certificates(settings.caFile().get());
        return new DefaultClientTlsStrategy(
            SSLContexts.custom().loadTrustMaterial(trusted, null).build());
      }
      return DefaultClientTlsStrategy.createDefault();
    } catch (GeneralSecurityException e) {
      throw new IOException("TLS cannot be set up for upstream " + settings.name() + ": " + e, e);
    }
  }

  private static KeyStore certificates(Path file) throws IOException, GeneralSecurityException {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    try (InputStream in = Files.newInputStream(file)) {
      for (Certificate certificate :
          CertificateFactory.getInstance("X.509").generateCertificates(in)) {
        store.setCertificateEntry("ca" + store.size(), certificate);
      }
    }
    if (store.size() == 0) {
      throw new IOException(file + ": no certificate in it; PEM is expected");
    }
    return store;
  }
}
