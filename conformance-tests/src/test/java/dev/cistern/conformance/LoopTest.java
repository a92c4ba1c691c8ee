package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.conformance.Download.Outcome;
import dev.cistern.conformance.TestClient.Answered;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two servers, each of which is the other's default upstream. */
class LoopTest {
  private static CisternServer one;
  private static CisternServer other;
  private static TestClient client;
  private static TestClient otherClient;

  @BeforeAll
  static void start(@TempDir Path oneDirectory, @TempDir Path otherDirectory) {
    String oneAddress = freeAddress();
    String otherAddress = freeAddress();
    one = config(oneDirectory, otherAddress).listen(oneAddress);
    other = config(otherDirectory, oneAddress).listen(otherAddress);
    client = new TestClient(one);
    otherClient = new TestClient(other);
  }

  private static TestConfig config(Path directory, String peer) {
    return new TestConfig(directory)
        .registry("peer.example", "http://" + peer, "insecure: true", "freshness: 1ms")
        .line("defaultUpstream: peer.example")
        .line("patience: 5s");
  }

  @AfterAll
  static void stop() {
    client.close();
    otherClient.close();
    one.close();
    other.close();
  }

  @Test
  void whatNeitherHasIsAClearErrorAfterFewRequests() {
    String digest = Samples.digest(new byte[] {1});
    String app = "/v2/neither/has/";
    int before = requests(one, "neither/has") + requests(other, "neither/has");

    Stream.of("manifests/v1", "manifests/" + digest, "blobs/" + digest)
        .forEach(path -> {
          Answered answered = client.get(app + path);
          assertThat(answered.status()).isEqualTo(508);
          assertThat(answered.text())
              .contains("UPSTREAM_UNAVAILABLE", "peer.example", "point at each other");
        });
    assertThat(client.head(app + "blobs/" + digest).status()).isEqualTo(508);
    int after = requests(one, "neither/has") + requests(other, "neither/has");
    assertThat(after - before).isLessThanOrEqualTo(4 * 3);
  }

  @Test
  void aRangeOfWhatNeitherHasIsAnErrorToo() {
    String path = "/v2/neither/has/blobs/" + Samples.digest(new byte[] {2});

    try (Download part = Download.begin(one, path, "Range: bytes=100000000-100000001")) {
      assertThat(part.status()).isEqualTo(508);
    }
  }

  @Test
  void whatOneHasComesThroughTheOther() {
    byte[] content = Samples.bytes(100_000, 1);
    byte[] manifest = Samples.manifestOf(Samples.digest(content), content.length);
    assertThat(otherClient.pushBlob("pushed/there", content).status()).isEqualTo(201);
    otherClient.putManifest("/v2/pushed/there/manifests/v1", manifest);

    assertThat(client.get("/v2/pushed/there/manifests/v1").bytes()).isEqualTo(manifest);
    assertThat(Download.of(one, "/v2/pushed/there/blobs/" + Samples.digest(content), content))
        .matches(Outcome::isExact);
    Answered again = client.get("/v2/pushed/there/manifests/v1");
    assertThat(again.bytes()).isEqualTo(manifest);
    assertThat(again.cacheStatus()).startsWith("cistern; hit");
  }

  /** Returns how many answered requests for a repository a server has logged. */
  private static int requests(CisternServer server, String repository) {
    return (int) server.log().stream().filter(line -> line.contains(repository)).count();
  }

  private static String freeAddress() {
    try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return "127.0.0.1:" + socket.getLocalPort();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
