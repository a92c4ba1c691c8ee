package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.Collections;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * A tenant that means harm within its rights, from an address of its own: five nested graphs of
 * manifests a second, each copied from a stream of its namespace into another, 200 lists that it
 * does not read, one of their objects as long as an object may be, 16 downloads that trickle after
 * it has left, and four tags that trickle. What comes of its requests does not matter; there are
 * never more of them at a time than that.
 */
final class HostileTenant implements AutoCloseable {
  static final String NAMESPACE = "hostile";

  private static final String ADDRESS = "127.0.0.2";
  private static final int GRAPHS_A_SECOND = 5;
  private static final int GRAPHS_AT_ONCE = 10;
  private static final int NESTED = 14;
  private static final int NAMED_TIMES = 10;
  private static final int LISTS = 200;
  private static final int LISTED = 40;
  private static final int LISTED_BYTES = 100 << 10;
  private static final int LONG_TAGS = 2_500;
  private static final int DOWNLOADS = 16;
  private static final int TAGS = 4;
  private static final int TIMEOUT_MILLIS = 30_000;
  private static final long LIST_SECONDS = 5;
  private static final int TRICKLED_BYTES = 1_000_000;
  private static final String TRICKLED = "/v2/hostile/trickled";

  private final int port;
  private final CountDownLatch over = new CountDownLatch(1);
  private final AtomicLong graphs = new AtomicLong();
  private final Map<String, LongAdder> tally = new ConcurrentSkipListMap<>();
  private final Semaphore places = new Semaphore(GRAPHS_AT_ONCE);
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();

  private HostileTenant(CisternServer server) {
    this.port = server.port();
  }

  /** Makes what the tenant lists, and begins. */
  static HostileTenant start(CisternServer server, UpstreamRegistry upstream) {
    var tenant = new HostileTenant(server);
    tenant.prepare(server, upstream);
    tenant.threads.execute(tenant::pushGraphs);
    for (int i = 0; i < LISTS; i++) {
      tenant.repeat("lists", 0, tenant::list);
    }
    for (int i = 0; i < DOWNLOADS; i++) {
      String path = "/v2/up/hostile/trickled/blobs/" + digest(i);
      tenant.repeat("downloads", 1, () -> tenant.begin(path));
    }
    for (int i = 0; i < TAGS; i++) {
      String path = "/v2/up/hostile/trickled/manifests/v" + i;
      tenant.repeat("tags", 1, () -> tenant.ask("GET", path, "", new byte[0]));
    }
    return tenant;
  }

  private Answer trickling(String type) {
    return new Answer.Trickling(
        "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n{"
            .formatted(type, TRICKLED_BYTES),
        " ",
        over);
  }

  private static String digest(int download) {
    return Samples.digest(("trickled " + download).getBytes(UTF_8));
  }

  private void prepare(CisternServer server, UpstreamRegistry upstream) {
    upstream.always("GET", TRICKLED + "/blobs/", trickling("application/octet-stream"));
    upstream.always(
        request -> request.path().startsWith(TRICKLED + "/manifests/"),
        trickling(ManifestText.OCI_IMAGE));
    try (ApiClient api = new ApiClient(server);
        RegistryClient registry = new RegistryClient(server)) {
      api.makeNamespace(NAMESPACE);
      registry.pushBlob(NAMESPACE + "/graphs", "{}".getBytes(UTF_8));
      assertThat(api.post(ApiClient.streams(NAMESPACE), longStream()).status()).isEqualTo(201);
      for (int i = 0; i < LISTED; i++) {
        api.post(
            ApiClient.streams(NAMESPACE),
            "{'kind':'ImageStream','apiVersion':'image.openshift.io/v1','metadata':{'name':'s%d','annotations':{'long':'%s'}}}"
                .formatted(i, "x".repeat(LISTED_BYTES)));
      }
    }
  }

  private static String longStream() {
    String tag =
        "{\"name\":\"t%d\",\"reference\":true,"
            + "\"from\":{\"kind\":\"DockerImage\",\"name\":\"registry.example/some/image:tag\"}}";
    return IntStream.range(0, LONG_TAGS)
        .mapToObj(tag::formatted)
        .collect(
            Collectors.joining(
                ",",
                "{\"kind\":\"ImageStream\",\"apiVersion\":\"image.openshift.io/v1\","
                    + "\"metadata\":{\"name\":\"a-long-one\"},\"spec\":{\"tags\":[",
                "]}}"));
  }

  /** Returns how often it did what. */
  Map<String, LongAdder> tally() {
    return tally;
  }

  private interface Step {
    void take() throws IOException, InterruptedException;
  }

  /** Takes a step again and again, with a pause. */
  private void repeat(String what, long pauseSeconds, Step step) {
    threads.execute(() -> {
      try {
        do {
          attempt(what, step);
        } while (!over.await(pauseSeconds, TimeUnit.SECONDS));
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    });
  }

  private void attempt(String what, Step step) throws InterruptedException {
    try {
      step.take();
      count(what);
    } catch (IOException e) {
      count(what + " cut");
    }
  }

  private void count(String what) {
    tally.computeIfAbsent(what, absent -> new LongAdder()).increment();
  }

  private void pushGraphs() {
    try {
      while (!over.await(1000 / GRAPHS_A_SECOND, TimeUnit.MILLISECONDS)) {
        if (places.tryAcquire()) {
          threads.execute(this::pushGraphInItsPlace);
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void pushGraphInItsPlace() {
    try {
      attempt("graphs", this::pushGraph);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      places.release();
    }
  }

  /** Pushes a graph whose paths nobody can count, and copies it. */
  private void pushGraph() throws IOException, InterruptedException {
    long number = graphs.incrementAndGet();
    String more = ManifestText.field("artifactType", "a/g" + number);
    String manifest = ManifestText.image(more);
    String type = ManifestText.OCI_IMAGE;
    for (int level = 0; level < NESTED; level++) {
      put(type, Samples.digest(manifest.getBytes(UTF_8)), manifest);
      String child =
          ManifestText.descriptor(
              type, Samples.digest(manifest.getBytes(UTF_8)), manifest.length());
      manifest =
          ManifestText.index(String.join(",", Collections.nCopies(NAMED_TIMES, child)), more);
      type = ManifestText.OCI_INDEX;
    }
    String tag = "g" + number % 50;
    put(type, tag, manifest);
    String copy =
        """
        {"kind":"ImageStreamTag","apiVersion":"image.openshift.io/v1",
         "metadata":{"name":"copies:%s","namespace":"%s"},
         "tag":{"name":"%s","from":{"kind":"ImageStreamImage","name":"graphs@%s"}}}\
        """
            .formatted(tag, NAMESPACE, tag, Samples.digest(manifest.getBytes(UTF_8)));
    ask(
        "PUT",
        ApiClient.tags(NAMESPACE) + "/copies:" + tag,
        "application/json",
        copy.getBytes(UTF_8));
  }

  private void put(String type, String reference, String manifest) throws IOException {
    ask(
        "PUT",
        "/v2/" + NAMESPACE + "/graphs/manifests/" + reference,
        type,
        manifest.getBytes(UTF_8));
  }

  /** Asks for a list and does not read it. */
  private void list() throws IOException, InterruptedException {
    try (Socket socket = connect()) {
      send(socket, "GET", ApiClient.streams(NAMESPACE), "", new byte[0]);
      over.await(LIST_SECONDS, TimeUnit.SECONDS);
    }
  }

  /** Begins a download and leaves. */
  private void begin(String path) throws IOException {
    try (Socket socket = connect()) {
      send(socket, "GET", path, "", new byte[0]);
      socket.setSoTimeout(1000);
      count("began " + (socket.getInputStream().read() >= 0));
    }
  }

  private void ask(String method, String path, String type, byte[] body) throws IOException {
    try (Socket socket = connect()) {
      send(socket, method, path, type, body);
      byte[] head = socket.getInputStream().readNBytes("HTTP/1.1 200".length());
      String status = new String(head, ISO_8859_1);
      count(method + " " + status.substring(Math.min(status.length(), "HTTP/1.1 ".length())));
    }
  }

  private Socket connect() throws IOException {
    var socket = new Socket();
    socket.setReceiveBufferSize(4096);
    socket.setSoTimeout(TIMEOUT_MILLIS);
    socket.bind(new InetSocketAddress(InetAddress.getByName(ADDRESS), 0));
    socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), TIMEOUT_MILLIS);
    return socket;
  }

  private static void send(Socket socket, String method, String path, String type, byte[] body)
      throws IOException {
    String head =
        RawConnection.head(
            method + " " + path + " HTTP/1.1",
            "Host: localhost",
            "Connection: close",
            "Content-Type: " + type,
            "Content-Length: " + body.length);
    socket.getOutputStream().write(head.getBytes(ISO_8859_1));
    socket.getOutputStream().write(body);
  }

  /** Leaves with all its connections. */
  @Override
  public void close() {
    over.countDown();
    threads.shutdownNow();
    threads.close();
  }
}
