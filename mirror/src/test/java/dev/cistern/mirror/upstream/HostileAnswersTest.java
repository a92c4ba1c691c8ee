package dev.cistern.mirror.upstream;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import dev.cistern.auth.credentials.Keyring;
import dev.cistern.base.MemoryBudget;
import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Answers that no honest upstream sends, whole and header by header: whatever it sends, each
 * question has an answer, nothing unchecked is thrown, and every number of it can be computed with.
 * {@code -Dcistern.answers} says how many seeds.
 */
class HostileAnswersTest {
  private static final RepositoryName APP = new RepositoryName("team/app");
  private static final Tag V1 = new Tag("v1");
  private static final Digest BLOB = Digest.of("blob".getBytes(US_ASCII));
  private static final Instant NOW = Instant.parse("2026-11-30T12:00:00Z");
  private static final int QUESTIONS = 12;

  private static final List<String> NUMBERS =
      List.of(
          "",
          "0",
          "-0",
          "-1",
          "+5",
          "5",
          " 7 ",
          "1e9",
          "0x10",
          "5.5",
          "NaN",
          "2147483648",
          "999999999999999999",
          "9223372036854775807",
          "9223372036854775808",
          "18446744073709551615",
          "18446744073709551616",
          "-9223372036854775808",
          "1".repeat(400),
          "0".repeat(400) + "3",
          "\u0663",
          "Thu, 01 Jan 1970 00:00:00 GMT",
          "Fri, 31 Dec 9999 23:59:59 GMT",
          "Mon, 31 Feb 2026 00:00:00 GMT",
          "nonsense");

  private static final List<String> TEXTS =
      List.of(
          "",
          "*",
          "bytes */5",
          "bytes 5-2/3",
          "bytes 0-3/4",
          "bytes 0-3/*",
          "bytes 999999999999999999-999999999999999999/999999999999999999",
          "bytes -1-3/4",
          "application/json",
          "application/vnd.oci.image.index.v1+json; charset=\"",
          "/",
          "sha256:" + "0".repeat(64),
          "sha256:xyz",
          "md5:",
          "Bearer",
          "Bearer realm=\"",
          "Bearer realm=\"http://127.0.0.1:70000/t\",service=\"s\"",
          "Bearer realm=\"http://127.0.0.1:99999999999/t\"",
          "Bearer realm=\"http://[::1/t\"",
          "Bearer realm=\"http://127.0.0.1:-5/t\"",
          "Bearer realm=\"//127.0.0.1:1/t\"",
          "Bearer realm=\"http:opaque\"",
          "Bearer realm=\"SELF/token\",service=\"\u00e4 b&c=\"",
          "Bearer realm=\"SELF/token#part\"",
          "Bearer realm=\"SELF/token?%zz\"",
          "Basic realm=\"x\"",
          "http://127.0.0.1:70000/x",
          "http://127.0.0.1:99999999999/x",
          "http://[::1/x",
          "http://[fe80::1%25eth0]/x",
          "http:///x",
          "http:x",
          "http://us er@127.0.0.1/",
          "https://",
          "//127.0.0.1:0/x",
          "?",
          "#",
          "/v2/team/app/tags/list?n=1&last=\u00e4",
          "%",
          "\\",
          "</v2/team/app/tags/list?last=a>; rel=\"next\"",
          "<http://127.0.0.1:70000/>; rel=next",
          "<SELF/v2/team/app/tags/list?last=%zz>; rel=next",
          "<>; rel=next",
          "100;w=99999999999",
          "gzip",
          "chunked",
          "chunked, chunked",
          "a".repeat(9000));

  private static final List<String> HEADERS =
      List.of(
          "Content-Length",
          "Content-Range",
          "Content-Type",
          "Content-Encoding",
          "Transfer-Encoding",
          "Retry-After",
          "RateLimit-Limit",
          "RateLimit-Remaining",
          "RateLimit-Reset",
          "Cache-Control",
          "Age",
          "Date",
          "Expires",
          "ETag",
          "Docker-Content-Digest",
          "WWW-Authenticate",
          "Location",
          "Link",
          "Connection",
          "Set-Cookie",
          "Proxy-Authenticate");

  private static final List<String> BODIES =
      List.of(
          "",
          "{}",
          "[]",
          "null",
          "5",
          "\"x\"",
          "{\"token\":\"t\",\"expires_in\":9223372036854775807}",
          "{\"token\":\"t\",\"expires_in\":-9223372036854775808}",
          "{\"token\":\"t\",\"expires_in\":1e999}",
          "{\"token\":\"t\",\"expires_in\":" + "9".repeat(300) + "}",
          "{\"token\":\"t\",\"expires_in\":\"5\"}",
          "{\"token\":\"t\",\"expires_in\":{}}",
          "{\"token\":\"t\",\"expires_in\":null}",
          "{\"token\":{},\"access_token\":[]}",
          "{\"token\":5}",
          "{\"tags\":null}",
          "{\"tags\":[5]}",
          "{\"tags\":[\"a\",\"\\u0000\"]}",
          "{\"schemaVersion\":2,\"manifests\":[{\"size\":1e99,\"digest\":\"sha256:x\"}]}",
          "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"a/b\",\"size\":9223372036854775808,"
              + "\"digest\":\"sha256:"
              + "0".repeat(64)
              + "\"}]}",
          "[".repeat(5000),
          "4\r\nblob\r\n0\r\n\r\n",
          "ffffffffffffffff\r\nx",
          "-1\r\nx\r\n",
          "blob");

  private static final List<String> STATUS =
      List.of(
          "200", "200", "206", "301", "307", "401", "404", "416", "429", "503", "508", "099",
          "999");

  private static final Limits LIMITS =
      new Limits(
          8,
          4,
          Duration.ofSeconds(2),
          Duration.ofSeconds(2),
          Duration.ofSeconds(2),
          Duration.ofSeconds(2));

  private final HostileUpstream registry = new HostileUpstream();

  @AfterEach
  void close() throws IOException {
    registry.close();
  }

  static LongStream seeds() {
    return LongStream.rangeClosed(1, Long.getLong("cistern.answers", 60));
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void everyQuestionHasAnAnswerWhateverIsSent(long seed) throws IOException {
    var random = new SplittableRandom(seed);
    try (Upstream upstream = open()) {
      for (int i = 0; i < QUESTIONS; i++) {
        SplittableRandom own = random.split();
        registry.answer = () -> answer(own);
        askEverything(upstream);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "307 x\r\nLocation",
        "401 x\r\nWWW-Authenticate",
        "200 x\r\nLink",
        "200 x\r\nContent-Type",
        "200 x\r\nContent-Encoding",
        "200 x\r\nTransfer-Encoding",
        "200 x\r\nDocker-Content-Digest",
        "206 x\r\nContent-Range",
        "200 x\r\nRateLimit-Remaining: 5\r\nRateLimit-Limit",
        "103 x\r\n\r\nHTTP/1.1 404 x\r\nLink"
      })
  void noTextIsTakenForWhatItIsNot(String header) throws IOException {
    for (String text : TEXTS) {
      registry.answer = () -> "HTTP/1.1 " + header + ": " + text + "\r\n\r\n{\"tags\":[\"a\"]}";
      try (Upstream upstream = open()) {
        askEverything(upstream);
      }
    }
  }

  static Stream<String> numbers() {
    return NUMBERS.stream();
  }

  @ParameterizedTest
  @MethodSource("numbers")
  void aDelayIsBetweenNoneAndADay(String number) throws IOException {
    for (String status : List.of("429", "503")) {
      registry.answer = () -> "HTTP/1.1 " + status + " x\r\nRetry-After: " + number + "\r\n\r\n";
      try (Upstream upstream = open()) {
        requireBounded(upstream.headBlob(APP, BLOB));
        requireBounded(upstream.openBlob(APP, BLOB, 0));
        requireBounded(upstream.manifest(APP, V1));
        requireBounded(upstream.tags(APP));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("numbers")
  void aDelayOfTheTokenServiceIsToo(String number) throws IOException {
    registry.answer = () -> "HTTP/1.1 429 x\r\nRetry-After: " + number + "\r\n\r\n";
    registry.first =
        () -> "HTTP/1.1 401 x\r\nWWW-Authenticate: Bearer realm=\"SELF/token\"\r\n\r\n";
    try (Upstream upstream = open()) {
      Answer<?> answer = upstream.manifest(APP, V1);

      assertThat(answer).isInstanceOf(Answer.Throttled.class);
      requireBounded(answer);
    }
  }

  @ParameterizedTest
  @MethodSource("numbers")
  void aLengthIsUnknownOrNotNegative(String number) throws IOException {
    registry.answer = () -> "HTTP/1.1 200 x\r\nContent-Length: " + number + "\r\n\r\n";
    try (Upstream upstream = open()) {
      requireSize(upstream.headBlob(APP, BLOB));
      requireSize(upstream.openBlob(APP, BLOB, 0));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "bytes 0-3/%s",
        "bytes %s-5/6",
        "bytes */%s",
        "bytes 0-%s/4",
        "%s",
      })
  void aRangeIsKnownOrAFailure(String form) throws IOException {
    for (String number : NUMBERS) {
      String range = form.formatted(number);
      for (String status : List.of("206", "416")) {
        registry.answer =
            () -> "HTTP/1.1 " + status + " x\r\nContent-Range: " + range + "\r\n\r\nblob";
        try (Upstream upstream = open()) {
          requireSize(upstream.openBlob(APP, BLOB, 2, OptionalLong.of(3)));
        }
      }
    }
  }

  @Test
  void aLifeOfATokenIsBetweenNoneAndADay() throws IOException {
    for (String body : BODIES) {
      registry.first =
          () -> "HTTP/1.1 401 x\r\nWWW-Authenticate: Bearer realm=\"SELF/token\"\r\n\r\n";
      registry.answer = () -> "HTTP/1.1 200 x\r\n\r\n" + body;
      try (Upstream upstream = open()) {
        assertThat(upstream.headManifest(APP, V1)).as(body).isNotNull();
      }
    }
  }

  @Test
  void delaysAreReadAsTheyAreMeant() {
    assertThat(RetryAfter.parse("0", NOW)).contains(Duration.ZERO);
    assertThat(RetryAfter.parse(" 120 ", NOW)).contains(Duration.ofMinutes(2));
    assertThat(RetryAfter.parse("0000000000120", NOW)).contains(Duration.ofMinutes(2));
    assertThat(RetryAfter.parse("86400", NOW)).as("the bound").contains(RetryAfter.MAX);
    assertThat(RetryAfter.parse("86401", NOW)).as("one beyond").contains(RetryAfter.MAX);
    assertThat(RetryAfter.parse("9223372036854775808", NOW)).contains(RetryAfter.MAX);
    assertThat(RetryAfter.parse("Mon, 30 Nov 2026 12:01:00 GMT", NOW))
        .contains(Duration.ofMinutes(1));
    assertThat(RetryAfter.parse("Mon, 30 Nov 2026 11:59:00 GMT", NOW)).contains(Duration.ZERO);
    assertThat(RetryAfter.parse("Fri, 31 Dec 9999 23:59:59 GMT", NOW)).contains(RetryAfter.MAX);
    assertThat(RetryAfter.parse("-1", NOW)).isEmpty();
    assertThat(RetryAfter.parse("1.5", NOW)).isEmpty();
  }

  private void askEverything(Upstream upstream) {
    requireBounded(upstream.headManifest(APP, V1));
    Answer<RemoteManifest> manifest = upstream.manifest(APP, V1);
    requireBounded(manifest);
    if (manifest instanceof Answer.Found<RemoteManifest>(RemoteManifest remote)) {
      remote.close();
    }
    requireSize(upstream.headBlob(APP, BLOB));
    requireSize(upstream.openBlob(APP, BLOB, 0));
    requireSize(upstream.openBlob(APP, BLOB, 2, OptionalLong.of(3)));
    requireBounded(upstream.tags(APP));
    requireBounded(upstream.referrers(APP, BLOB));
    upstream
        .rateLimit()
        .ifPresent(limit -> assertThat(Math.min(limit.limit(), limit.remaining())).isNotNegative());
  }

  private static void requireBounded(Answer<?> answer) {
    answer
        .retryAfter()
        .ifPresent(delay -> assertThat(delay).isBetween(Duration.ZERO, Duration.ofDays(1)));
  }

  private static void requireSize(Answer<?> answer) {
    requireBounded(answer);
    if (answer instanceof Answer.Found<?>(Object found)) {
      switch (found) {
        case Long size -> assertThat(size).isGreaterThanOrEqualTo(-1);
        case RemoteBlob blob -> drain(blob);
        default -> throw new AssertionError(found);
      }
    }
  }

  private static void drain(RemoteBlob blob) {
    assertThat(blob.size()).isGreaterThanOrEqualTo(-1);
    assertThat(blob.from()).isNotNegative();
    byte[] buffer = new byte[1024];
    try (blob) {
      while (blob.read(buffer) >= 0) {
        assertThat(buffer).isNotEmpty();
      }
    } catch (IOException e) {
      assertThat(e).as("a body may break").isNotNull();
    }
  }

  private static String answer(SplittableRandom random) {
    var text = new StringBuilder("HTTP/1.1 " + any(STATUS, random) + " x\r\n");
    for (int i = random.nextInt(5); i >= 0; i--) {
      String value = random.nextBoolean() ? any(NUMBERS, random) : any(TEXTS, random);
      text.append(any(HEADERS, random)).append(": ").append(value).append("\r\n");
    }
    return text.append("\r\n").append(any(BODIES, random)).toString();
  }

  private static String any(List<String> texts, SplittableRandom random) {
    synchronized (random) {
      return texts.get(random.nextInt(texts.size()));
    }
  }

  @Test
  void blobsLeaveConnectionsToWhatIsSmall() throws IOException {
    registry.answer = () -> "HTTP/1.1 200 x\r\nContent-Length: 9\r\n\r\n";
    try (Upstream upstream = open()) {
      var opened = new ArrayList<RemoteBlob>();
      for (int i = 0; i < LIMITS.blobs(); i++) {
        opened.add(opened(upstream));
      }
      assertThat(upstream.openBlob(APP, BLOB, 0)).isInstanceOf(Answer.Busy.class);

      opened.getFirst().close();
      opened.getFirst().close();
      opened.add(opened(upstream));
      assertThat(upstream.openBlob(APP, BLOB, 0)).as("one is one").isInstanceOf(Answer.Busy.class);
      opened.forEach(RemoteBlob::close);
    }
  }

  private static RemoteBlob opened(Upstream upstream) {
    Answer<RemoteBlob> answer = upstream.openBlob(APP, BLOB, 0);
    return answer instanceof Answer.Found<RemoteBlob>(RemoteBlob found)
        ? found
        : fail("it is found: " + answer);
  }

  private Upstream open() {
    return Upstream.open(
        new UpstreamSettings(
            "upstream",
            registry.origin(),
            URI.create("http://" + registry.origin()),
            Keyring.EMPTY,
            Optional.empty(),
            true,
            Set.of(),
            Set.of(),
            Freshness.USUAL,
            List.of(),
            false,
            Optional.empty(),
            new ConnectionSettings(LIMITS, ProxyRules.DIRECT, Optional.empty())),
        () -> NOW,
        new MemoryBudget(MemoryBudget.MIN_BYTES));
  }

  /** Makes an answer; {@code SELF} in it stands for the upstream's own address. */
  private interface Script {
    String next();
  }

  /** A socket that answers whatever a test says, and closes each connection after it. */
  private static final class HostileUpstream implements AutoCloseable {
    private final ServerSocket socket;
    private volatile Script answer = () -> "HTTP/1.1 404 x\r\n\r\n";
    private volatile Script first = () -> "";

    HostileUpstream() {
      try {
        socket = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      Thread.ofVirtual().start(this::serve);
    }

    String origin() {
      return "127.0.0.1:" + socket.getLocalPort();
    }

    private void serve() {
      while (!socket.isClosed()) {
        try (Socket client = socket.accept()) {
          reply(client);
        } catch (IOException e) {
          assertThat(e).as("the client may leave, the test may end").isNotNull();
        }
      }
    }

    /** Reads a head, which is all that is sent here, and answers. */
    private void reply(Socket client) throws IOException {
      InputStream in = client.getInputStream();
      int end = 0;
      for (int b = in.read(); b >= 0 && end < 4; b = end < 4 ? in.read() : b) {
        end = b == '\r' || b == '\n' ? end + 1 : 0;
        if (end == 4) {
          break;
        }
      }
      String once = first.next();
      first = () -> "";
      String text = once.isEmpty() ? answer.next() : once;
      client
          .getOutputStream()
          .write(text.replace("SELF", "http://" + origin()).getBytes(ISO_8859_1));
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }
}
