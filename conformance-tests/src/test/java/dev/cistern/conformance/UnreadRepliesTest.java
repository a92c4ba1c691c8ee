package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.BufferedReader;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;

/**
 * Clients of one address that ask for long replies and do not read them: more of each kind than the
 * memory budget allows. The server lives, answers others at once, and has its memory back when they
 * are gone. {@code -Dcistern.unreadReaders=10} has ten times as many, {@code
 * -Dcistern.memory=64MiB} another budget.
 */
class UnreadRepliesTest {
  private static final int FACTOR = Integer.getInteger("cistern.unreadReaders", 1);
  private static final String MEMORY = System.getProperty("cistern.memory", "16MiB");
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final int STREAMS = 130;
  private static final int TAGS = 600;
  private static final int WAITING_LISTS = 440;
  private static final String HOSTILE = "127.0.0.2";
  private static final Pattern WAITING =
      Pattern.compile("cistern_memory_waiting_bytes\\{what=\"([a-z-]+)\"} (\\S+)");
  private static final Pattern REFUSED =
      Pattern.compile("cistern_refused_total\\{reason=\"memory\"} (\\S+)");
  private static final Pattern SLOW =
      Pattern.compile("cistern_refused_total\\{reason=\"slow-reader\"} (\\S+)");
  private static final long BLOB_BYTES = 10L << 30;
  private static final String OBJECTS = ApiClient.streams("long");

  @TempDir private static Path directory;

  private static UpstreamRegistry upstream;
  private static CisternServer server;
  private static TestClient client;
  private static String subject;
  private static String blob;
  private static int made;

  /** What is not read; each connection asks for more than its socket takes. */
  enum Unread {
    OBJECTS_LIST(true, 150, 1, "GET " + OBJECTS, ""),
    TABLE(
        true, 150, 1, "GET " + OBJECTS, "Accept: application/json;as=Table;g=meta.k8s.io;v=v1\r\n"),
    TABLE_OF_OBJECTS(
        true,
        150,
        1,
        "GET " + OBJECTS + "?includeObject=Object",
        "Accept: application/json;as=Table;g=meta.k8s.io;v=v1\r\n"),
    WATCH(true, 150, 1, "GET " + OBJECTS + "?watch=1", ""),
    VIEWS(false, 20, 20, "GET " + ApiClient.IMAGES + "/namespaces/tagged/imagetags", ""),
    MANIFEST(true, 10, 3, "GET /v2/team/long/manifests/v1?", ""),
    TAGS(true, 60, 40, "GET /v2/team/tags/tags/list?n=10000", ""),
    CATALOG(true, 150, 200, "GET /v2/_catalog?n=10000", ""),
    REFERRERS(true, 20, 12, "GET /v2/team/subject/referrers/SUBJECT?", ""),
    METRICS(true, 60, 400, "GET /metrics?", ""),
    PATCH(
        true,
        30,
        12,
        "PATCH /api/v1/namespaces/long/secrets/long",
        "Content-Type: application/merge-patch+json\r\nContent-Length: 2\r\n"),
    PASS_THROUGH(false, 40, 1, "GET /v2/up/cold/blobs/BLOB", "Range: bytes=5368709120-\r\n");

    /** Whether that is more than memory is there for. */
    private final boolean exceeds;

    private final int readers;
    private final int times;
    private final String line;
    private final String headers;

    Unread(boolean exceeds, int readers, int times, String line, String headers) {
      this.exceeds = exceeds;
      this.readers = readers;
      this.times = times;
      this.line = line;
      this.headers = headers;
    }

    String request() {
      String path = line.replace("SUBJECT", subject).replace("BLOB", blob);
      String body = headers.contains("Content-Length") ? "{}" : "";
      return (path + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n" + body).repeat(times);
    }
  }

  @BeforeAll
  static void start() {
    upstream = UpstreamRegistry.start();
    blob = upstream.addBlob("cold", GeneratedBlob.endless(1, BLOB_BYTES)).toString();
    server =
        new TestConfig(directory)
            .upstream("up", upstream, "insecure: true")
            .line("limits: {memory: " + MEMORY + "}")
            .line("logs: {access: false}")
            .start();
    client = new TestClient(server);
    try (var api = new ApiClient(server)) {
      api.makeNamespace("long");
      api.makeNamespace("tagged");
      makeStreams(client);
      make(
          client,
          "/api/v1/namespaces/long/secrets",
          "{\"metadata\":{\"name\":\"long\"},\"stringData\":{" + text(700) + "}}");
      make(client, ApiClient.streams("tagged"), tagged());
    }
    put("/v2/team/long/manifests/v1", longManifest());
    for (int i = 0; i < 30; i++) {
      String tags =
          IntStream.range(0, 40)
              .mapToObj(n -> "tag=" + "t".repeat(110) + made++)
              .collect(Collectors.joining("&"));
      put("/v2/team/tags/manifests/v1?" + tags, Samples.manifest("tags"));
    }
    for (int i = 0; i < 200; i++) {
      put("/v2/" + "r".repeat(200) + "/n" + i + "/manifests/v1", Samples.manifest("repository"));
    }
    byte[] about = Samples.manifest("subject");
    subject = Samples.digest(about);
    put("/v2/team/subject/manifests/v1", about);
    for (int i = 0; i < 15; i++) {
      put("/v2/team/subject/manifests/r" + i, referrer(about, i));
    }
  }

  @AfterAll
  static void stop() {
    client.close();
    server.close();
    upstream.close();
  }

  private static void makeStreams(TestClient client) {
    for (int i = 0; i < STREAMS; i++) {
      make(
          client,
          OBJECTS,
          "{\"metadata\":{\"name\":\"s" + i + "\",\"annotations\":{" + text(58) + "}}}");
    }
  }

  private static String text(int kibibytes) {
    return "\"text\":\"" + "x".repeat(kibibytes << 10) + "\"";
  }

  private static String tagged() {
    String tag =
        "{\"name\":\"t%d\",\"reference\":true,"
            + "\"from\":{\"kind\":\"DockerImage\",\"name\":\"registry.example/some/image:tag\"}}";
    return IntStream.range(0, TAGS)
        .mapToObj(tag::formatted)
        .collect(
            Collectors.joining(
                ",", "{\"metadata\":{\"name\":\"many\"},\"spec\":{\"tags\":[", "]}}"));
  }

  private static byte[] longManifest() {
    String layer = ManifestText.descriptor("a/b", Samples.digest(new byte[] {1}), 1);
    return "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":%s,\"layers\":[%s]}"
        .formatted(Samples.IMAGE, layer, String.join(",", Collections.nCopies(26_000, layer)))
        .getBytes(UTF_8);
  }

  private static byte[] referrer(byte[] about, int number) {
    String config = ManifestText.descriptor("a/b", Samples.digest(new byte[] {(byte) number}), 1);
    String of = ManifestText.descriptor(Samples.IMAGE, Samples.digest(about), about.length);
    return ("{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":%s,\"layers\":[],\"subject\":%s,"
                .formatted(Samples.IMAGE, config, of)
            + "\"annotations\":{"
            + text(100)
            + "}}")
        .getBytes(UTF_8);
  }

  private static void make(TestClient client, String path, String json) {
    assertThat(client.post(path, "application/json", json).status()).isEqualTo(201);
  }

  private static void put(String path, byte[] manifest) {
    assertThat(client.putManifest(path, manifest).status()).isEqualTo(201);
  }

  /** Sends what it can of a request and never reads. */
  private static Socket ask(CisternServer server, String request) throws IOException {
    var socket = new Socket();
    socket.setReceiveBufferSize(4096);
    socket.bind(new InetSocketAddress(HOSTILE, 0));
    socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), server.port()));
    socket.getOutputStream().write(request.getBytes(UTF_8));
    return socket;
  }

  @ParameterizedTest
  @EnumSource(Unread.class)
  void theServerLivesAndAnswersOthersAndHasItsMemoryBack(Unread reply) throws IOException {
    double refusedBefore = value(client, REFUSED);
    var unread = new ArrayList<Socket>();
    try {
      String request = reply.request();
      for (int i = 0; i < reply.readers * FACTOR; i++) {
        unread.add(ask(server, request));
      }
      await("memory is used up, or all that they may have is waiting")
          .atMost(PATIENCE)
          .until(
              () -> reply.exceeds ? value(client, REFUSED) > refusedBefore : waiting(client) > 0);
      othersAreAnswered();
    } finally {
      for (Socket socket : unread) {
        socket.close();
      }
    }
    await(server.state())
        .atMost(PATIENCE)
        .untilAsserted(() -> assertThat(waiting(client)).isZero());
    othersAreAnswered();
  }

  /** With the default budget: there are more lists than the heap has room for such objects. */
  @Test
  void listsThatWaitForMemoryHoldNoObject(@TempDir Path data) throws IOException {
    var unread = new ArrayList<Socket>();
    try (CisternServer own = CisternServer.start(data);
        var administrator = new TestClient(own);
        var api = new ApiClient(own)) {
      api.makeNamespace("long");
      make(
          administrator,
          "/api/v1/namespaces/long/secrets",
          "{\"metadata\":{\"name\":\"long\"},\"stringData\":{" + text(700) + "}}");
      for (int i = 0; i < WAITING_LISTS; i++) {
        unread.add(
            ask(own, "GET /api/v1/namespaces/long/secrets HTTP/1.1\r\nHost: localhost\r\n\r\n"));
      }

      await(own.state())
          .atMost(PATIENCE)
          .until(() -> value(administrator, REFUSED) > WAITING_LISTS / 2);

      assertThat(administrator.get("/readyz").status()).isEqualTo(200);
    } finally {
      for (Socket socket : unread) {
        socket.close();
      }
    }
  }

  private static void othersAreAnswered() {
    put("/v2/team/small/manifests/n" + made++, Samples.manifest("small " + made));
    assertThat(client.get("/v2/team/small/manifests/n0?" + made++).status()).isIn(200, 404);
    assertThat(client.get("/v2/team/tags/manifests/v1?" + made++).status()).isEqualTo(200);
    assertThat(client.get("/v2/team/tags/tags/list?n=10").status()).isEqualTo(200);
    assertThat(client.get("/api/v1/namespaces").status()).isEqualTo(200);
    assertThat(client.get(ApiClient.streams("none")).status()).isEqualTo(200);
    assertThat(client.get("/readyz").status()).isEqualTo(200);
  }

  /** Pieces begin in the middle of an object too, and neither repeat nor leave out a part of it. */
  @Test
  void allPartsOfALongObjectAreListedOnce() {
    String tags = ApiClient.IMAGES + "/namespaces/tagged/imagetags";
    List<String> listed = names(client.get(tags).text().lines().toList(), "items");
    assertThat(listed).hasSize(TAGS).doesNotHaveDuplicates();

    String events = client.get(tags + "?watch=1&timeoutSeconds=1").text();
    assertThat(names(events.lines().toList(), "object")).isEqualTo(listed);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 129, 130, 131, 500})
  void pagesOfAListHaveEachObjectOnce(int limit) {
    var names = new ArrayList<String>();
    String next = "";
    do {
      String text = client.get(OBJECTS + "?limit=" + limit + next).text();
      names.addAll(names(List.of(text), "items"));
      String token =
          JsonMapper.shared().readTree(text).path("metadata").path("continue").asString("");
      next = token.isEmpty() ? "" : "&continue=" + token;
    } while (!next.isEmpty());
    assertThat(names).hasSize(STREAMS).doesNotHaveDuplicates().isSorted();
  }

  /** Returns the names in lists or events, one a line. */
  private static List<String> names(List<String> lines, String key) {
    return lines.stream()
        .map(line -> JsonMapper.shared().readTree(line).path(key))
        .flatMap(value -> value.isArray() ? value.valueStream() : Stream.of(value))
        .map(object -> object.path("metadata").path("name").asString(""))
        .toList();
  }

  /** A watch that has no memory for the next change ends with an error; its client lists again. */
  @Test
  void aWatchWithoutMemoryEndsWithAnErrorOfCode429() throws IOException {
    String path = ApiClient.streams("watched");
    try (var api = new ApiClient(server)) {
      api.makeNamespace("watched");
    }
    make(client, path, "{\"metadata\":{\"name\":\"before\"}}");
    double refusedBefore = value(client, REFUSED);
    var unread = new ArrayList<Socket>();
    try (Socket watch =
        ask(server, "GET " + path + "?watch=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")) {
      watch.setSoTimeout((int) PATIENCE.toMillis());
      var events = new BufferedReader(new InputStreamReader(watch.getInputStream(), UTF_8));
      assertThat(lineWith(events, "\"type\":\"ADDED\"")).contains("\"before\"");
      for (int i = 0; i < Unread.OBJECTS_LIST.readers * FACTOR; i++) {
        unread.add(ask(server, Unread.OBJECTS_LIST.request()));
      }
      await().atMost(PATIENCE).until(() -> value(client, REFUSED) > refusedBefore);

      make(client, path, "{\"metadata\":{\"name\":\"after\"}}");

      assertThat(lineWith(events, "\"type\":"))
          .contains("\"type\":\"ERROR\"", "\"code\":429", "\"reason\":\"TooManyRequests\"");
    } finally {
      for (Socket socket : unread) {
        socket.close();
      }
    }
    await().atMost(PATIENCE).untilAsserted(() -> assertThat(waiting(client)).isZero());
  }

  private static String lineWith(BufferedReader lines, String text) throws IOException {
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      if (line.contains(text)) {
        return line;
      }
    }
    throw new EOFException("no line with " + text);
  }

  /** Readers of lists and watches that take nothing are cut like others. */
  @Test
  void whoTakesNothingIsCutAfterTheIdleTime(@TempDir Path other) throws IOException {
    var sockets = new ArrayList<Socket>();
    try (CisternServer impatient =
            new TestConfig(other).line("limits: {idle: 1s}").line("logs: {access: false}").start();
        var own = new TestClient(impatient)) {
      try (var api = new ApiClient(impatient)) {
        api.makeNamespace("long");
      }
      makeStreams(own);
      List<Unread> kinds = List.of(Unread.OBJECTS_LIST, Unread.TABLE_OF_OBJECTS, Unread.WATCH);
      for (Unread kind : kinds) {
        sockets.add(ask(impatient, kind.request()));
      }
      await()
          .atMost(PATIENCE)
          .untilAsserted(() -> assertThat(value(own, SLOW)).isEqualTo(kinds.size()));
      await().atMost(PATIENCE).untilAsserted(() -> assertThat(waiting(own)).isZero());
    } finally {
      for (Socket socket : sockets) {
        socket.close();
      }
    }
  }

  private static double value(TestClient client, Pattern pattern) {
    return pattern
        .matcher(client.get("/metrics").text())
        .results()
        .mapToDouble(found -> Double.parseDouble(found.group(1)))
        .sum();
  }

  /** Returns what waits in memory, but for downloads: they continue without their clients. */
  private static double waiting(TestClient client) {
    List<MatchResult> all = WAITING.matcher(client.get("/metrics").text()).results().toList();
    assertThat(all).hasSizeGreaterThan(5);
    return all.stream()
        .filter(one -> !one.group(1).equals("fills"))
        .mapToDouble(one -> Double.parseDouble(one.group(2)))
        .sum();
  }
}
