package dev.cistern.conformance;

import static dev.cistern.conformance.RegistryClient.assertError;
import static dev.cistern.conformance.RegistryClient.json;
import static dev.cistern.conformance.RegistryClient.text;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.cistern.conformance.StoredFiles.Fault;
import java.io.EOFException;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Stored content that a disk has damaged: it is never vouched for, and a push or pull heals it. */
class DamageTest {
  private static final String PUSH_AGAIN = "the stored copy is damaged; push it again";
  private static final int SMALL = 10_000;
  private static final int LARGE = 64 << 20;

  private static UpstreamRegistry upstream;
  private static CisternServer server;
  private static RegistryClient client;
  private static Path home;
  private static StoredFiles files;

  @BeforeAll
  static void start(@TempDir Path directory) {
    home = directory;
    upstream = UpstreamRegistry.start();
    server = new TestConfig(directory).upstream("up", upstream, "insecure: true").start();
    client = new RegistryClient(server);
    files = new StoredFiles(directory.resolve("data"));
  }

  @AfterAll
  static void stop() {
    client.close();
    server.close();
    upstream.close();
  }

  @ParameterizedTest
  @CsvSource({
    "FLIPPED, 10000",
    "CUT, 10000",
    "LOST, 10000",
    "FLIPPED, 300000",
    "CUT, 300000",
    "LOST, 300000"
  })
  void aPushOfTheRightBytesHealsEveryRepository(Fault fault, int size) {
    String first = "first/" + fault.name().toLowerCase(Locale.ROOT) + size;
    byte[] content = Samples.bytes(size, fault.hashCode() + size);
    String digest = client.pushBlob(first, content);
    assertThat(client.get(blob(first, digest)).body()).as("kept for the next").isEqualTo(content);
    files.plant(fault, digest);

    client.pushBlob("second/x", content);

    assertThat(client.get(blob(first, digest)).body()).isEqualTo(content);
    assertThat(client.get(blob("second/x", digest)).body()).isEqualTo(content);
  }

  @ParameterizedTest
  @EnumSource
  void aPullOfTheRightBytesHealsWhatWasCached(Fault fault) {
    byte[] content = Samples.bytes(SMALL, 100 + fault.name().length());
    String repository = "healed/" + fault.name().toLowerCase(Locale.ROOT);
    String digest = upstream.addBlob(repository, content);
    upstream.addManifest(repository, Samples.manifestOf(digest, content.length), "v1");
    client.get("/v2/up/" + repository + "/manifests/v1");
    assertThat(client.get(blob("up/" + repository, digest)).body()).isEqualTo(content);
    awaitStored(digest);
    files.plant(fault, digest);
    client.get(blob("up/" + repository, digest)); // may still be in memory, verified
    restart();

    assertThat(client.get(blob("up/" + repository, digest)).body()).isEqualTo(content);
    assertThat(upstream.requests("GET", "/blobs/" + digest)).hasSize(2);
    awaitStored(digest);
    assertThat(client.get(blob("up/" + repository, digest)).body()).isEqualTo(content);
    assertThat(upstream.requests("GET", "/blobs/" + digest)).hasSize(2);
  }

  @ParameterizedTest
  @EnumSource
  void knownDamageIsVouchedForNowhereUntilItIsPushedAgain(Fault fault) {
    byte[] content = Samples.bytes(SMALL, 200 + fault.name().length());
    String digest = client.pushBlob("known/a", content);
    String mounted = "/v2/known/b/blobs/uploads/?mount=" + digest + "&from=known/a";
    assertThat(client.post(mounted).statusCode()).isEqualTo(201);
    files.plant(fault, digest);

    assertDamaged(client.get(blob("known/a", digest)));

    assertThat(client.head(blob("known/a", digest)).statusCode()).isEqualTo(404);
    assertThat(client.head(blob("known/b", digest)).statusCode()).isEqualTo(404);
    assertDamaged(client.get(blob("known/b", digest)));
    assertThat(client.post("/v2/known/c/blobs/uploads/?mount=" + digest + "&from=known/a"))
        .as("a mount")
        .extracting(HttpResponse::statusCode)
        .isEqualTo(202);
    HttpResponse<byte[]> stranger = client.get(blob("known/d", digest));
    assertError(stranger, 404, "BLOB_UNKNOWN");
    assertThat(text(stranger)).doesNotContain("damaged");

    assertThat(client.delete(blob("known/a", digest)).statusCode()).isEqualTo(202);
    client.pushBlob("known/a", content);
    assertThat(client.get(blob("known/b", digest)).body()).isEqualTo(content);
  }

  @Test
  void headAndMountLookWhetherTheFileIsThere() {
    byte[] content = Samples.bytes(SMALL, 300);
    String digest = client.pushBlob("looked/a", content);
    files.plant(Fault.LOST, digest);

    assertThat(client.head(blob("looked/a", digest)).statusCode()).isEqualTo(404);

    client.pushBlob("looked/a", content);
    files.plant(Fault.CUT, digest);
    assertThat(
            client
                .post("/v2/looked/b/blobs/uploads/?mount=" + digest + "&from=looked/a")
                .statusCode())
        .isEqualTo(202);
  }

  /** How a blob of 64 MiB is asked for, and who has to bring it again. */
  enum Asking {
    PUSHED,
    CACHED,
    TLS,
    PART,
    PARTS
  }

  @ParameterizedTest
  @EnumSource
  void aReplyThatMeetsDamageOnItsWayIsCutAndTheNextPullIsRight(
      Asking asking, @TempDir Path directory) throws IOException {
    GeneratedBlob blob = GeneratedBlob.of(asking.name().hashCode(), LARGE);
    TestIdentity identity = asking == Asking.TLS ? TestIdentity.make(directory) : null;
    CisternServer asked =
        identity == null ? server : new TestConfig(directory).tls(identity).start();
    StoredFiles stored = identity == null ? files : new StoredFiles(directory.resolve("data"));
    RegistryClient pulls =
        identity == null ? client : new RegistryClient(asked, identity.trusting());
    try {
      String repository = asking == Asking.CACHED ? "up/cut/x" : "cut/x";
      if (asking == Asking.CACHED) {
        upstream.addBlob("cut/x", blob);
        assertThat(pulls.get(blob(repository, blob.digest())).statusCode()).isEqualTo(200);
        await().until(() -> stored.has(blob.digest()));
      } else {
        pulls.pushBlob(repository, blob.part(0, LARGE));
      }
      long before = metric(pulls, "cistern_aborted_total{side=\"server\"}");

      try (RawConnection connection =
          identity == null
              ? RawConnection.to(asked)
              : RawConnection.to(asked, identity.trusting())) {
        connection.send(request(asking, blob(repository, blob.digest())));
        connection.replyUpTo(1000);
        stored.plant(Fault.CUT, blob.digest());
        assertThatThrownBy(() -> readAll(connection, LARGE - 2000))
            .isInstanceOf(EOFException.class);
      }

      await()
          .untilAsserted(() ->
              assertThat(asked.log())
                  .filteredOn(line -> line.contains(blob.digest()))
                  .filteredOn(line -> line.contains("cut=\"true\""))
                  .singleElement()
                  .asString()
                  .doesNotContain("bytes=\"0\""));
      assertThat(asked.log())
          .filteredOn(line -> line.contains("ERROR") && line.contains("reply cut"))
          .filteredOn(line -> line.contains(blob.digest()))
          .hasSize(1);
      assertThat(metric(pulls, "cistern_aborted_total{side=\"server\"}")).isEqualTo(before + 1);
      if (asking != Asking.CACHED) {
        await().untilAsserted(() -> assertDamaged(pulls.get(blob(repository, blob.digest()))));
        pulls.pushBlob(repository, blob.part(0, LARGE));
      }
      assertThat(RegistryClient.sha256(pulls.get(blob(repository, blob.digest())).body()))
          .isEqualTo(blob.digest());
    } finally {
      if (identity != null) {
        pulls.close();
        asked.close();
      }
    }
  }

  private static String request(Asking asking, String path) {
    String range =
        switch (asking) {
          case PART -> "Range: bytes=1000-";
          case PARTS -> "Range: bytes=0-999,2000-";
          default -> "Accept: */*";
        };
    return RawConnection.head("GET " + path + " HTTP/1.1", "Host: x", range);
  }

  private static void readAll(RawConnection connection, int count) throws IOException {
    int left = count;
    while (left > 0) {
      int n;
      try {
        n = connection.bytes(Math.min(left, 1 << 20)).length;
      } catch (IOException e) {
        n = 0;
      }
      if (n == 0) {
        throw new EOFException(left + " bytes are missing");
      }
      left -= n;
    }
  }

  /** Forgets what is in memory. */
  private static void restart() {
    client.close();
    server.close();
    server = new TestConfig(home).upstream("up", upstream, "insecure: true").start();
    client = new RegistryClient(server);
  }

  private static void assertDamaged(HttpResponse<byte[]> reply) {
    assertError(reply, 404, "BLOB_UNKNOWN");
    assertThat(json(reply).path("errors").path(0).path("detail").path("advice").asString())
        .isEqualTo(PUSH_AGAIN);
  }

  private static void awaitStored(String digest) {
    await().until(() -> files.has(digest));
  }

  private static long metric(RegistryClient client, String name) {
    return Stream.of(text(client.get("/metrics")).split("\n"))
        .filter(line -> line.startsWith(name + " "))
        .map(line -> (long) Double.parseDouble(line.substring(name.length() + 1)))
        .findFirst()
        .orElseThrow(() -> new AssertionError("no metric " + name));
  }

  private static String blob(String repository, String digest) {
    return "/v2/" + repository + "/blobs/" + digest;
  }
}
