package dev.cistern.conformance;

import static dev.cistern.conformance.RegistryClient.assertError;
import static dev.cistern.conformance.RegistryClient.json;
import static dev.cistern.conformance.RegistryClient.text;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.SocketException;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Stored content that a disk has damaged: it is never vouched for, and a push or pull heals it. */
class DamageTest {
  private static final String PUSH_AGAIN = "the stored copy is damaged; push it again";
  private static final int SMALL = 10_000;

  private static UpstreamRegistry upstream;
  private static CisternServer server;
  private static RegistryClient client;
  private static Path home;
  private static Path data;

  @BeforeAll
  static void start(@TempDir Path directory) {
    home = directory;
    upstream = UpstreamRegistry.start();
    server = new TestConfig(directory).upstream("up", upstream, "insecure: true").start();
    client = new RegistryClient(server);
    data = directory.resolve("data");
  }

  @AfterAll
  static void stop() {
    client.close();
    server.close();
    upstream.close();
  }

  /** What a disk may do to a file. */
  enum Fault {
    FLIPPED {
      @Override
      void plant(Path file) {
        change(
            file,
            channel -> {
              var one = ByteBuffer.allocate(1);
              channel.read(one, 5_000);
              one.put(0, (byte) (one.get(0) ^ 1)).flip();
              channel.write(one, 5_000);
            });
      }
    },
    CUT {
      @Override
      void plant(Path file) {
        change(file, channel -> channel.truncate(5_000));
      }
    },
    LOST {
      @Override
      void plant(Path file) {
        try {
          Files.delete(file);
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      }
    };

    abstract void plant(Path file);

    private interface Change {
      void apply(FileChannel channel) throws IOException;
    }

    private static void change(Path file, Change change) {
      try (FileChannel channel =
          FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
        change.apply(channel);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
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
    fault.plant(file(digest));

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
    fault.plant(file(digest));
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
    fault.plant(file(digest));

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
    Fault.LOST.plant(file(digest));

    assertThat(client.head(blob("looked/a", digest)).statusCode()).isEqualTo(404);

    client.pushBlob("looked/a", content);
    Fault.CUT.plant(file(digest));
    assertThat(
            client
                .post("/v2/looked/b/blobs/uploads/?mount=" + digest + "&from=looked/a")
                .statusCode())
        .isEqualTo(202);
  }

  @ParameterizedTest
  @ValueSource(strings = {"pushed", "cached"})
  void aReplyThatMeetsDamageOnItsWayIsCutAndTheNextPullIsRight(String origin) throws IOException {
    int size = 64 << 20;
    GeneratedBlob blob = GeneratedBlob.of(origin.length() + origin.hashCode(), size);
    String repository = origin.equals("pushed") ? "cut/pushed" : "up/cut/cached";
    if (origin.equals("pushed")) {
      client.pushBlob(repository, blob.part(0, size));
    } else {
      upstream.addBlob("cut/cached", blob);
      assertThat(client.get(blob(repository, blob.digest())).statusCode()).isEqualTo(200);
      awaitStored(blob.digest());
    }
    long cutBefore = metric("cistern_aborted_total{side=\"server\"}");

    try (RawConnection connection = RawConnection.to(server)) {
      connection.send(
          RawConnection.head("GET " + blob(repository, blob.digest()) + " HTTP/1.1", "Host: x"));
      connection.replyUpTo(1000);
      Fault.CUT.plant(file(blob.digest()));
      assertThatThrownBy(() -> readAll(connection, size - 1000)).isInstanceOf(EOFException.class);
    }

    await()
        .untilAsserted(() ->
            assertThat(server.log())
                .filteredOn(line -> line.contains(blob.digest()) && line.contains("cut=\"true\""))
                .singleElement()
                .asString()
                .contains("status=\"200\""));
    assertThat(server.log())
        .filteredOn(line -> line.contains("ERROR") && line.contains("reply cut"))
        .filteredOn(line -> line.contains(blob.digest()))
        .hasSize(1);
    assertThat(metric("cistern_aborted_total{side=\"server\"}")).isEqualTo(cutBefore + 1);
    if (origin.equals("pushed")) {
      await()
          .atMost(Duration.ofSeconds(20))
          .untilAsserted(() -> assertDamaged(client.get(blob(repository, blob.digest()))));
      client.pushBlob(repository, blob.part(0, size));
    }
    assertThat(RegistryClient.sha256(client.get(blob(repository, blob.digest())).body()))
        .isEqualTo(blob.digest());
  }

  private static void readAll(RawConnection connection, int count) throws IOException {
    int left = count;
    while (left > 0) {
      int n;
      try {
        n = connection.bytes(Math.min(left, 1 << 20)).length;
      } catch (SocketException e) {
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
    await().until(() -> Files.exists(file(digest)));
  }

  private static long metric(String name) {
    return Stream.of(text(client.get("/metrics")).split("\n"))
        .filter(line -> line.startsWith(name + " "))
        .map(line -> (long) Double.parseDouble(line.substring(name.length() + 1)))
        .findFirst()
        .orElseThrow(() -> new AssertionError("no metric " + name));
  }

  private static String blob(String repository, String digest) {
    return "/v2/" + repository + "/blobs/" + digest;
  }

  private static Path file(String digest) {
    String hex = digest.substring("sha256:".length());
    return data.resolve("blobs/sha256").resolve(hex.substring(0, 2)).resolve(hex);
  }
}
