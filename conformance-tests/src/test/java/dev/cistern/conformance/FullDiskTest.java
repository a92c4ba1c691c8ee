package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A disk that is full, a small one of the test's own: what does not fit is refused in clear words,
 * nothing is lost, and it goes on by itself when there is space. Needs root on Linux, to mount it.
 */
class FullDiskTest {
  private static final String OCTETS = "application/octet-stream";
  private static final String REPOSITORY = "/v2/full/disk";
  private static final int MEBIBYTE = 1 << 20;
  private static final Duration RECOVERY = Duration.ofSeconds(60);

  @TempDir private Path mountPoint;
  private @Nullable SmallDisk disk;

  @BeforeEach
  void mount() {
    disk = SmallDisk.mount(mountPoint, 96);
  }

  @AfterEach
  void unmount() {
    if (disk != null) {
      disk.close();
    }
  }

  @Test
  void pushesToAFullDiskAreRefusedNothingIsLostAndTheyGoOnWhenThereIsSpace() throws IOException {
    fill(30);
    try (CisternServer server = CisternServer.start(data());
        HttpCalls calls = new HttpCalls(server, Fuse.endless())) {
      var stored = new ArrayList<Sample>();
      Sample blob = Sample.seeded(0, 8 * MEBIBYTE);
      HttpCalls.Reply reply = push(calls, blob);
      while (reply.status() == 201) {
        stored.add(blob);
        blob = Sample.seeded(stored.size(), 8 * MEBIBYTE);
        reply = push(calls, blob);
      }
      assertThat(stored).hasSizeGreaterThan(2);
      assertRefused(reply);
      assertThat(files("uploads")).as("what a refused push left").isEmpty();

      Sample manifest = Images.image(stored.getFirst(), stored, "while the disk is full");
      assertThat(put(calls, manifest, "v1").status()).as("there is room for facts").isEqualTo(201);
      assertThere(calls, stored, manifest, "v1");

      emptyFiller();
      assertThat(push(calls, blob).status()).isEqualTo(201);
      stored.add(blob);
      assertThere(calls, stored, manifest, "v1");
    }
  }

  @Test
  void anUploadThatMetAFullDiskGoesOnFromItsStatus() throws IOException {
    fill(40);
    try (CisternServer server = CisternServer.start(data());
        HttpCalls calls = new HttpCalls(server, Fuse.endless())) {
      Sample blob = Sample.seeded(1, 48 * MEBIBYTE);
      String location =
          String.valueOf(calls.send("POST", REPOSITORY + "/blobs/uploads/").header("Location"));
      int first = MEBIBYTE;
      HttpCalls.Reply chunk =
          calls.send("PATCH", location, blob.part(0, first), "Content-Type", OCTETS);
      assertThat(chunk.status()).isEqualTo(202);

      assertRefused(
          calls.send("PATCH", location, blob.part(first, blob.size()), "Content-Type", OCTETS));

      String range = String.valueOf(calls.send("GET", location).header("Range"));
      int length = Integer.parseInt(range.substring(range.indexOf('-') + 1)) + 1;
      assertThat(length).isBetween(first, blob.size() - 1);
      emptyFiller();
      HttpCalls.Reply end =
          calls.send(
              "PUT",
              location + "?digest=" + blob.digest(),
              blob.part(length, blob.size()),
              "Content-Type",
              OCTETS);
      assertThat(end.status()).as("%s", end).isEqualTo(201);
      assertBlob(calls, blob);
    }
  }

  @Test
  void anIndexThatMeetsAFullDiskRefusesChangesAndRecoversByItself() throws IOException {
    Sample blob = Sample.seeded(2, MEBIBYTE);
    Sample manifest = Images.image(blob, List.of(blob), "before");
    List<Sample> acknowledged = new ArrayList<>();
    List<Sample> refused = new ArrayList<>();
    try (CisternServer server = CisternServer.start(data());
        HttpCalls calls = new HttpCalls(server, Fuse.endless())) {
      assertThat(push(calls, blob).status()).isEqualTo(201);
      assertThat(put(calls, manifest, "before").status()).isEqualTo(201);
      fillCompletely();

      for (int i = 0; i < 20; i++) {
        Sample more = Images.image(blob, List.of(blob), i + "x".repeat(2 * MEBIBYTE));
        HttpCalls.Reply reply = put(calls, more, "t" + i);
        if (reply.status() == 201) {
          acknowledged.add(more);
        } else {
          assertRefused(reply);
          refused.add(more);
        }
      }
      assertThat(refused).isNotEmpty();
      assertRefused(push(calls, Sample.seeded(3, MEBIBYTE)));
      assertThere(calls, List.of(blob), manifest, "before");
      for (Sample gone : refused) {
        assertThat(calls.send("GET", REPOSITORY + "/manifests/" + gone.digest()).status())
            .isEqualTo(404);
      }

      emptyFiller();
      await()
          .atMost(RECOVERY)
          .untilAsserted(
              () -> assertThat(put(calls, refused.getFirst(), "after").status()).isEqualTo(201));
      assertThat(push(calls, Sample.seeded(3, MEBIBYTE)).status()).isEqualTo(201);
      server.kill();
    }
    try (CisternServer server = CisternServer.start(data());
        HttpCalls calls = new HttpCalls(server, Fuse.endless())) {
      assertThere(calls, List.of(blob, Sample.seeded(3, MEBIBYTE)), manifest, "before");
      assertThere(calls, List.of(), refused.getFirst(), "after");
      for (Sample kept : acknowledged) {
        assertThat(calls.send("GET", REPOSITORY + "/manifests/" + kept.digest()).body())
            .isEqualTo(kept.bytes());
      }
    }
  }

  @Test
  void aPullThroughAFullDiskIsPassedOnAndIsKeptWhenThereIsSpace() throws IOException {
    try (SeededUpstream upstream = SeededUpstream.start();
        CisternServer server = CisternServer.start(data(), "--upstream", "up=" + upstream.url());
        HttpCalls calls = new HttpCalls(server, Fuse.endless())) {
      Sample layer = Sample.seeded(4, 8 * MEBIBYTE);
      Sample manifest = upstream.add("v1", List.of(layer));
      fillCompletely();

      assertThat(calls.send("GET", "/v2/up/image/manifests/v1").body()).isEqualTo(manifest.bytes());
      HttpCalls.Reply passed = calls.send("GET", "/v2/up/image/blobs/" + layer.digest());
      assertThat(Sample.digest(passed.body())).isEqualTo(layer.digest());
      assertThat(passed.header("Cache-Status"))
          .isEqualTo("cistern; fwd=uri-miss; detail=\"there is no room to keep it\"");
      HttpCalls.Reply part =
          calls.send(
              "GET",
              "/v2/up/image/blobs/" + layer.digest(),
              new byte[0],
              "Range",
              "bytes=1000000-");
      assertThat(part.status()).isEqualTo(206);
      assertThat(part.body()).isEqualTo(layer.part(1_000_000, layer.size()));

      emptyFiller();
      await()
          .atMost(RECOVERY)
          .untilAsserted(() -> {
            HttpCalls.Reply reply = calls.send("GET", "/v2/up/image/blobs/" + layer.digest());
            assertThat(Sample.digest(reply.body())).isEqualTo(layer.digest());
            assertThat(reply.header("Cache-Status")).isEqualTo("cistern; hit");
          });
      await().atMost(RECOVERY).untilAsserted(() -> assertThat(files("fills")).isEmpty());
    }
  }

  @Test
  void aDownloadThatFillsTheDiskGoesOnForThoseWhoFollowIt() throws IOException {
    byte[] layer = Samples.bytes(16 * MEBIBYTE, 5);
    var gate = new CountDownLatch(1);
    try (UpstreamRegistry upstream = UpstreamRegistry.start();
        CisternServer server = CisternServer.start(data(), "--upstream", "up=" + upstream.url())) {
      String digest = upstream.addBlob("image", layer);
      upstream.next("GET", digest, new Answer.HeldInBody(MEBIBYTE, gate));
      try (Download first = Download.begin(server, "/v2/up/image/blobs/" + digest);
          Download second = Download.begin(server, "/v2/up/image/blobs/" + digest)) {
        first.first(MEBIBYTE / 2);
        second.first(MEBIBYTE / 2);
        fillCompletely();
        gate.countDown();

        assertThat(first.finish(layer)).matches(Download.Outcome::isExact);
        assertThat(second.finish(layer)).matches(Download.Outcome::isExact);
      }
      await().atMost(RECOVERY).untilAsserted(() -> assertThat(files("fills")).isEmpty());
    }
  }

  @Test
  void whatWasCachedMakesRoomForNewPullsAndForPushes() throws IOException {
    try (SeededUpstream upstream = SeededUpstream.start();
        CisternServer server = CisternServer.start(data(), "--upstream", "up=" + upstream.url());
        HttpCalls calls = new HttpCalls(server, Fuse.endless())) {
      var layers = new ArrayList<Sample>();
      for (int i = 0; i < 14; i++) {
        Sample layer = Sample.seeded(100 + i, 8 * MEBIBYTE);
        Sample manifest = upstream.add("v" + i, List.of(layer));
        layers.add(layer);
        assertThat(calls.send("GET", "/v2/up/image/manifests/v" + i).body())
            .isEqualTo(manifest.bytes());
        HttpCalls.Reply reply = calls.send("GET", "/v2/up/image/blobs/" + layer.digest());
        assertThat(Sample.digest(reply.body())).isEqualTo(layer.digest());
        await().atMost(RECOVERY).untilAsserted(() -> assertThat(files("fills")).isEmpty());
        assertThat(calls.send("GET", "/v2/up/image/blobs/" + layer.digest()).status())
            .as("kept open from here on")
            .isEqualTo(200);
      }

      var stored = new ArrayList<Sample>();
      for (int i = 0; i < 3; i++) {
        Sample blob = Sample.seeded(200 + i, 16 * MEBIBYTE);
        HttpCalls.Reply reply = push(calls, blob);
        assertThat(reply.status()).as("%s", reply).isEqualTo(201);
        stored.add(blob);
      }
      Sample manifest = Images.image(stored.getFirst(), stored, "pushed");
      assertThat(put(calls, manifest, "v1").status()).isEqualTo(201);
      assertRefused(push(calls, Sample.seeded(300, 64 * MEBIBYTE)));

      assertThere(calls, stored, manifest, "v1");
      assertThat(calls.send("GET", "/metrics").text())
          .containsPattern("cistern_evicted_images_total 1[0-9]");
      upstream.takeGets();
      HttpCalls.Reply again = calls.send("GET", "/v2/up/image/blobs/" + layers.getFirst().digest());
      assertThat(Sample.digest(again.body())).isEqualTo(layers.getFirst().digest());
      assertThat(upstream.takeGets()).as("it was evicted").isNotEmpty();
    }
  }

  private Path data() {
    return mountPoint.resolve("data");
  }

  private List<String> files(String directory) throws IOException {
    try (var files = Files.list(data().resolve(directory))) {
      return files.map(file -> file.getFileName().toString()).toList();
    }
  }

  private static HttpCalls.Reply push(HttpCalls calls, Sample blob) throws IOException {
    return calls.send(
        "POST",
        REPOSITORY + "/blobs/uploads/?digest=" + blob.digest(),
        blob.bytes(),
        "Content-Type",
        OCTETS);
  }

  private static HttpCalls.Reply put(HttpCalls calls, Sample manifest, String tag)
      throws IOException {
    return calls.send(
        "PUT", REPOSITORY + "/manifests/" + tag, manifest.bytes(), "Content-Type", Images.IMAGE);
  }

  private static void assertRefused(HttpCalls.Reply reply) {
    assertThat(reply.status()).as("%s", reply).isEqualTo(507);
    assertThat(reply.header("Content-Type")).isEqualTo("application/json");
    assertThat(reply.text())
        .startsWith("{\"errors\":[{\"code\":\"INSUFFICIENT_STORAGE\"")
        .contains("the disk is full");
  }

  private static void assertThere(HttpCalls calls, List<Sample> blobs, Sample manifest, String tag)
      throws IOException {
    for (Sample blob : blobs) {
      assertBlob(calls, blob);
    }
    assertThat(calls.send("GET", REPOSITORY + "/manifests/" + tag).body())
        .isEqualTo(manifest.bytes());
    assertThat(calls.send("GET", REPOSITORY + "/tags/list").text()).contains('"' + tag + '"');
  }

  private static void assertBlob(HttpCalls calls, Sample blob) throws IOException {
    HttpCalls.Reply reply = calls.send("GET", REPOSITORY + "/blobs/" + blob.digest());
    assertThat(reply.status()).as("%s", reply).isEqualTo(200);
    assertThat(Sample.digest(reply.body())).isEqualTo(blob.digest());
  }

  /** Takes so many MiB of the disk. */
  private void fill(int mebibytes) throws IOException {
    byte[] mebibyte = new byte[MEBIBYTE];
    try (OutputStream filler = filler()) {
      for (int i = 0; i < mebibytes; i++) {
        filler.write(mebibyte);
      }
    }
  }

  /** Takes all that is left of the disk. */
  private void fillCompletely() throws IOException {
    byte[] little = new byte[4 << 10];
    try (OutputStream filler = filler()) {
      while (mountPoint.toFile().getUsableSpace() > 0) {
        filler.write(little);
      }
    } catch (IOException full) {
      assertThat(full).hasMessageContaining("No space left on device");
    }
  }

  private OutputStream filler() throws IOException {
    return Files.newOutputStream(
        mountPoint.resolve("filler"), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
  }

  private void emptyFiller() throws IOException {
    Files.delete(mountPoint.resolve("filler"));
  }
}
