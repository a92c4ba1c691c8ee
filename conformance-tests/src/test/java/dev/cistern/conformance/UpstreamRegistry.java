package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLServerSocket;
import org.jspecify.annotations.Nullable;

/**
 * A registry in this process, on a port of loopback, that answers each request as a registry should
 * unless a script says otherwise ({@link Answer}), and remembers what it was asked. It also has a
 * token service, at {@code /token}.
 *
 * <p>One virtual thread a connection; its methods are safe for all threads.
 */
final class UpstreamRegistry implements AutoCloseable {
  private static final Pattern LIST = Pattern.compile("/v2/(.+)/(?:tags/list|referrers/([^/]+))");

  private final Optional<TestIdentity> identity;
  private final Map<String, Content> contents = new ConcurrentHashMap<>();
  private final ConcurrentLinkedDeque<Rule> rules = new ConcurrentLinkedDeque<>();
  private final Queue<Received> received = new ConcurrentLinkedQueue<>();
  private final Set<Socket> connections = ConcurrentHashMap.newKeySet();
  private final UpstreamMeter meter = new UpstreamMeter();
  private final AtomicInteger accepted = new AtomicInteger();
  private final TokenService tokens = new TokenService();
  private final InetAddress address;
  private volatile Function<Received, Answer> usual = request -> new Answer.Healthy();
  private volatile int mostTagsAPage = 1000;
  private volatile ServerSocket listener;
  private volatile Thread acceptor;

  private record Content(String mediaType, String digest, UpstreamBody body) {}

  /** Answers for requests that fit: each once, or the last one for ever. */
  private record Rule(Predicate<Received> when, Queue<Answer> answers, boolean isForEver) {}

  private UpstreamRegistry(InetAddress address, Optional<TestIdentity> identity)
      throws IOException {
    this.address = address;
    this.identity = identity;
    this.listener = listen(0);
    this.acceptor = accept(listener);
  }

  /** Starts one on 127.0.0.1, over plain HTTP. */
  static UpstreamRegistry start() {
    return start("127.0.0.1", Optional.empty());
  }

  /** Starts one on 127.0.0.1, over HTTPS. */
  static UpstreamRegistry startTls(TestIdentity identity) {
    return start("127.0.0.1", Optional.of(identity));
  }

  /** Starts one on 127.0.0.1, over HTTPS, for clients with a certificate of {@code clients}. */
  static UpstreamRegistry startForClients(TestIdentity identity, TestIdentity clients) {
    return startTls(identity.demanding(clients));
  }

  /** Starts one on another address of loopback. */
  static UpstreamRegistry start(String address, Optional<TestIdentity> identity) {
    try {
      return new UpstreamRegistry(InetAddress.getByName(address), identity);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns {@code ADDRESS:PORT}, an IPv6 address in brackets. */
  String host() {
    String host = address.getHostAddress();
    return (host.contains(":") ? "[" + host + "]" : host) + ":" + port();
  }

  int port() {
    return listener.getLocalPort();
  }

  String url() {
    return (identity.isPresent() ? "https://" : "http://") + host();
  }

  TokenService tokens() {
    return tokens;
  }

  /** Puts a blob into a repository; returns its digest. */
  String addBlob(String repository, byte[] bytes) {
    return addBlob(repository, Samples.digest(bytes), new UpstreamBody.Bytes(bytes));
  }

  /** Puts a blob of any length into a repository; returns its digest. */
  String addBlob(String repository, GeneratedBlob blob) {
    return addBlob(repository, blob.digest(), blob);
  }

  /** Forgets a blob. */
  void removeBlob(String repository, String digest) {
    contents.remove(pathOf(repository, digest));
  }

  private static String pathOf(String repository, String digest) {
    return "/v2/" + repository + "/blobs/" + digest;
  }

  private String addBlob(String repository, String digest, UpstreamBody body) {
    contents.put(pathOf(repository, digest), new Content("application/octet-stream", digest, body));
    return digest;
  }

  /** Puts a manifest into a repository, under its digest and {@code tags}; returns its digest. */
  String addManifest(String repository, byte[] bytes, String... tags) {
    return addManifest(Samples.IMAGE, repository, bytes, tags);
  }

  /** Puts an index into a repository, under its digest and {@code tags}; returns its digest. */
  String addIndex(String repository, byte[] bytes, String... tags) {
    return addManifest(Samples.INDEX, repository, bytes, tags);
  }

  private String addManifest(String mediaType, String repository, byte[] bytes, String... tags) {
    String digest = Samples.digest(bytes);
    var content = new Content(mediaType, digest, new UpstreamBody.Bytes(bytes));
    contents.put("/v2/" + repository + "/manifests/" + digest, content);
    for (String tag : tags) {
      contents.put("/v2/" + repository + "/manifests/" + tag, content);
    }
    return digest;
  }

  /** Lists at most {@code most} tags a page, whatever is asked for. */
  void limitPages(int most) {
    mostTagsAPage = most;
  }

  /** Answers the next requests that fit with these, one each, and the later ones as before. */
  void next(String method, String part, Answer... answers) {
    rules.addFirst(
        new Rule(
            request -> request.is(method, part),
            new ConcurrentLinkedQueue<>(List.of(answers)),
            false));
  }

  /** Answers all requests that fit with this, until {@link #heal}. */
  void always(String method, String part, Answer answer) {
    always(request -> request.is(method, part), answer);
  }

  /** Answers all requests that fit with this, until {@link #heal}. */
  void always(Predicate<Received> when, Answer answer) {
    rules.addFirst(new Rule(when, new ConcurrentLinkedQueue<>(List.of(answer)), true));
  }

  /** Answers what fits no rule with what {@code answers} says for the request. */
  void usually(Function<Received, Answer> answers) {
    usual = answers;
  }

  /** Answers all requests as a registry should again. */
  void heal() {
    rules.clear();
    usual = request -> new Answer.Healthy();
  }

  /** Lets in only who sends this Authorization header. */
  void demand(String authorization, Answer challenge) {
    always(
        request ->
            request.path().startsWith("/v2/")
                && !request.header("authorization").equals(Optional.of(authorization)),
        challenge);
  }

  /** Lets in only who has a token of {@code service}. */
  void demandToken(TokenService service, String realm) {
    always(
        request -> request.path().startsWith("/v2/") && !service.admits(request),
        Answer.bearerChallenge(realm));
  }

  /** Stops listening and cuts all connections: connecting is refused from now on. */
  void goAway() {
    try {
      listener.close();
      acceptor.join();
      for (Socket connection : connections) {
        connection.close();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Is there again, at the same address. */
  void comeBack() {
    try {
      listener = listen(listener.getLocalPort());
      acceptor = accept(listener);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns all requests so far. */
  List<Received> requests() {
    return List.copyOf(received);
  }

  /** Returns the requests so far with this method and with {@code part} in their target. */
  List<Received> requests(String method, String part) {
    return received.stream().filter(request -> request.is(method, part)).toList();
  }

  /** Returns how many bytes of bodies were sent so far. */
  long bodyBytes() {
    return meter.bytes();
  }

  /** Returns how many bodies were on their way at the same time at most. */
  int mostBodies() {
    return meter.mostBodies();
  }

  /** Lets only so many bytes of bodies leave in a second, until {@link #forget}. */
  void limit(long bytesPerSecond) {
    meter.limit(bytesPerSecond);
  }

  /** Returns how many connections were made to it so far, also those that asked nothing. */
  int connections() {
    return accepted.get();
  }

  /** Forgets the requests and bytes so far, and sends as fast as it can. */
  void forget() {
    received.clear();
    meter.reset();
  }

  @Override
  public void close() {
    goAway();
  }

  private ServerSocket listen(int port) throws IOException {
    ServerSocket socket =
        identity.isPresent()
            ? identity.get().context().getServerSocketFactory().createServerSocket()
            : new ServerSocket();
    if (socket instanceof SSLServerSocket secure) {
      secure.setNeedClientAuth(identity.get().demandsClients());
    }
    socket.setReuseAddress(true);
    socket.bind(new InetSocketAddress(address, port), 1024);
    return socket;
  }

  private Thread accept(ServerSocket socket) {
    return Thread.ofVirtual()
        .start(() -> {
          try {
            while (true) {
              Socket connection = socket.accept();
              accepted.incrementAndGet();
              connections.add(connection);
              Thread.ofVirtual().start(() -> serve(connection));
            }
          } catch (IOException closed) {
            // It went away.
          }
        });
  }

  private void serve(Socket connection) {
    try (connection;
        InputStream in = new BufferedInputStream(connection.getInputStream());
        OutputStream out = new BufferedOutputStream(connection.getOutputStream(), 1 << 13)) {
      connection.setTcpNoDelay(true);
      @Nullable Received request = read(in);
      while (request != null && answer(request, out)) {
        request = read(in);
      }
    } catch (IOException | InterruptedException gone) {
      // The client left, or this upstream went away.
    } finally {
      connections.remove(connection);
    }
  }

  private boolean answer(Received request, OutputStream out)
      throws IOException, InterruptedException {
    Answer answer = scripted(request);
    received.add(request);
    boolean knowsRanges = !(answer instanceof Answer.Rangeless);
    UpstreamReply reply = healthy(request, knowsRanges).apply(answer);
    return reply.send(out, request.method().equals("HEAD"), meter);
  }

  private Answer scripted(Received request) {
    for (Rule rule : rules) {
      if (rule.when().test(request)) {
        @Nullable Answer answer = rule.isForEver() ? rule.answers().peek() : rule.answers().poll();
        if (answer != null) {
          return answer;
        }
      }
    }
    return usual.apply(request);
  }

  private UpstreamReply healthy(Received request, boolean knowsRanges) {
    if (request.path().equals("/token")) {
      return tokens.answer(request);
    }
    @Nullable Content content = contents.get(request.path());
    if (content == null) {
      return list(request);
    }
    var headers =
        Map.of("Content-Type", content.mediaType(), "Docker-Content-Digest", content.digest());
    UpstreamReply whole = UpstreamReply.of(200, headers, content.body());
    Optional<String> range = knowsRanges ? request.header("range") : Optional.empty();
    return range.isPresent() ? whole.range(range.get()) : whole;
  }

  private UpstreamReply list(Received request) {
    Matcher list = LIST.matcher(request.path());
    if (!list.matches()) {
      return UpstreamReply.missing();
    }
    String repository = list.group(1);
    String prefix = "/v2/" + repository + "/manifests/";
    if (list.group(2) != null) {
      return UpstreamLists.referrers(
          contents.entrySet().stream()
              .filter(entry -> entry.getKey().startsWith(prefix + "sha256:"))
              .map(entry -> entry.getValue().body().inMemory())
              .toList(),
          list.group(2));
    }
    List<String> references =
        contents.keySet().stream()
            .filter(key -> key.startsWith(prefix))
            .map(key -> key.substring(prefix.length()))
            .sorted()
            .toList();
    List<String> tags =
        references.stream().filter(reference -> reference.indexOf(':') < 0).toList();
    return references.isEmpty()
        ? UpstreamReply.missing()
        : UpstreamLists.tags(repository, tags, mostTagsAPage, request);
  }

  private static @Nullable Received read(InputStream in) throws IOException {
    String line = line(in);
    if (line.isEmpty()) {
      return null;
    }
    String[] parts = line.split(" ", -1);
    if (parts.length != 3) {
      throw new SocketException("not HTTP: " + line);
    }
    var headers = new HashMap<String, String>();
    for (String header = line(in); !header.isEmpty(); header = line(in)) {
      int colon = header.indexOf(':');
      headers.put(
          header.substring(0, colon).toLowerCase(Locale.ROOT), header.substring(colon + 1).strip());
    }
    return new Received(parts[0], parts[1], Map.copyOf(headers));
  }

  private static String line(InputStream in) throws IOException {
    var line = new StringBuilder();
    for (int c = in.read(); c >= 0 && c != '\n'; c = in.read()) {
      line.append((char) c);
    }
    return new String(line.toString().getBytes(ISO_8859_1), UTF_8).strip();
  }
}
