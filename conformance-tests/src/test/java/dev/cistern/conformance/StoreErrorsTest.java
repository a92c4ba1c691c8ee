package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Errors of the system while the store is written, other than a full disk: reads go on, changes are
 * refused with 503, and all goes on by itself when the cause is gone. Needs root on Linux.
 */
class StoreErrorsTest {
  private static final String OCTETS = "application/octet-stream";
  private static final String REPOSITORY = "/v2/store/errors";
  private static final int MEBIBYTE = 1 << 20;
  private static final int MANIFEST_BYTES = 2 * MEBIBYTE;
  private static final int MAX_MANIFESTS = 60;
  private static final Duration RECOVERY = Duration.ofSeconds(60);

  private final Sample blob = Sample.seeded(1, MEBIBYTE);
  @TempDir private Path directory;

  /** What keeps the index from being written, and its name. */
  enum Fault {
    DESCRIPTORS_USED_UP("emfile", "too many open files") {
      @Override
      void begin(CisternServer server, Path index) {
        run("prlimit", "--pid", "" + server.pid(), "--nofile=10:");
      }

      @Override
      void end(CisternServer server, Path index) {
        run("prlimit", "--pid", "" + server.pid(), "--nofile=4096:");
      }
    },
    READ_ONLY_FILE_SYSTEM("erofs", "read-only file system") {
      @Override
      void begin(CisternServer server, Path index) {
        run("mount", "--bind", "" + index, "" + index);
        run("mount", "-o", "remount,bind,ro", "" + index);
      }

      @Override
      void end(CisternServer server, Path index) {
        run("umount", "--lazy", "" + index);
      }
    },
    NO_PERMISSION("eacces", "permission denied") {
      @Override
      void begin(CisternServer server, Path index) {
        run("chattr", "+i", "" + index);
      }

      @Override
      void end(CisternServer server, Path index) {
        run("chattr", "-i", "" + index);
      }
    };

    private final String word;
    private final String text;

    Fault(String word, String text) {
      this.word = word;
      this.text = text;
    }

    abstract void begin(CisternServer server, Path index);

    abstract void end(CisternServer server, Path index);
  }

  @BeforeEach
  void requireRoot() {
    if (!System.getProperty("user.name").equals("root")) {
      abort("only root can cause these errors");
    }
  }

  /** A fault that a failed test has left. */
  @AfterEach
  void clean() {
    SystemCommand.run("chattr", "-i", "" + index());
    SystemCommand.run("umount", "--lazy", "" + index());
    SystemCommand.run("umount", "--lazy", "" + data().resolve("fills"));
  }

  @ParameterizedTest
  @EnumSource
  void readsGoOnChangesAre503AndNothingIsLostWhenTheIndexCannotBeWritten(Fault fault)
      throws IOException {
    Sample manifest = Images.image(blob, List.of(blob), "before");
    var acknowledged = new ArrayList<Sample>();
    try (CisternServer server = CisternServer.start(data());
        HttpCalls calls = new HttpCalls(server, Fuse.endless())) {
      assertThat(push(calls, blob).status()).isEqualTo(201);
      assertThat(put(calls, manifest, "before").status()).isEqualTo(201);
      fault.begin(server, index());

      HttpCalls.Reply refused = untilRefused(calls, manifest, acknowledged);
      assertThat(refused.status()).as("%s", refused).isEqualTo(503);
      assertThat(refused.header("Retry-After")).isNotNull();
      assertThat(refused.text()).contains("the store cannot be written: " + fault.text);
      assertThat(calls.send("GET", REPOSITORY + "/manifests/before").body())
          .isEqualTo(manifest.bytes());
      assertThat(calls.send("DELETE", REPOSITORY + "/manifests/before").status()).isEqualTo(503);

      fault.end(server, index());
      Sample after = Images.image(blob, List.of(blob), "after");
      await()
          .atMost(RECOVERY)
          .untilAsserted(() -> assertThat(put(calls, after, "after").status()).isEqualTo(201));
      acknowledged.add(after);
      assertThat(calls.send("GET", "/readyz").text()).isEqualTo("ok\n");
      assertThat(calls.send("GET", "/metrics").text())
          .containsPattern("cistern_index_errors_total\\{reason=\"" + fault.word + "\"} [1-9]")
          .contains("cistern_index_errors_total{reason=\"edquot\"} 0.0", "cistern_ready 1.0");
      server.kill();
    }
    try (CisternServer server = CisternServer.start(data());
        HttpCalls calls = new HttpCalls(server, Fuse.endless())) {
      assertThat(calls.send("GET", REPOSITORY + "/manifests/before").body())
          .isEqualTo(manifest.bytes());
      for (Sample kept : acknowledged) {
        assertThat(calls.send("GET", REPOSITORY + "/manifests/" + kept.digest()).body())
            .isEqualTo(kept.bytes());
      }
    }
  }

  @Test
  void pullsPassThroughUnstoredWhileTheStoreIsReadOnlyAndReadinessSaysSo() throws IOException {
    try (SeededUpstream upstream = SeededUpstream.start();
        CisternServer server = CisternServer.start(data(), "--upstream", "up=" + upstream.url());
        HttpCalls calls = new HttpCalls(server, Fuse.endless())) {
      Sample layer = Sample.seeded(4, MEBIBYTE);
      Sample large = Sample.seeded(5, 66 * MEBIBYTE);
      Sample manifest = upstream.add("v1", List.of(layer, large));
      readOnly(data().resolve("fills"));
      readOnly(data().resolve("blobs"));
      try {
        assertThat(calls.send("GET", "/v2/up/image/manifests/v1").body())
            .isEqualTo(manifest.bytes());
        HttpCalls.Reply passed = calls.send("GET", "/v2/up/image/blobs/" + layer.digest());
        assertThat(passed.status()).as("%s", passed).isEqualTo(200);
        assertThat(Sample.digest(passed.body())).isEqualTo(layer.digest());
        HttpCalls.Reply part =
            calls.send("GET", "/v2/up/image/blobs/" + large.digest(), "Range", "bytes=1048576-");
        assertThat(part.status()).as("a large part, %s", part).isEqualTo(206);
        assertThat(part.body())
            .isEqualTo(Arrays.copyOfRange(large.bytes(), MEBIBYTE, large.bytes().length));
        HttpCalls.Reply push = push(calls, blob);
        assertThat(push.status()).as("%s", push).isEqualTo(503);

        await()
            .atMost(RECOVERY)
            .untilAsserted(() -> assertThat(calls.send("GET", "/readyz").status()).isEqualTo(503));
        assertThat(calls.send("GET", "/readyz").text())
            .isEqualTo(
                "content-write failed: the store cannot be written: read-only file system\n");
        assertThat(calls.send("GET", "/readyz?verbose").text())
            .contains("[+]index-read ok\n[+]index-write ok\n[-]content-write failed: ")
            .endsWith("readyz check failed\n");
        assertThat(calls.send("GET", "/readyz", "Accept", "application/json").text())
            .startsWith("{\"ready\":false,\"degraded\":\"storage failing\",\"checks\":[");
        assertThat(calls.send("GET", "/healthz").status()).isEqualTo(200);
      } finally {
        run("umount", "--lazy", "" + data().resolve("fills"));
        run("umount", "--lazy", "" + data().resolve("blobs"));
      }
      await()
          .atMost(RECOVERY)
          .untilAsserted(() -> assertThat(calls.send("GET", "/readyz").text()).isEqualTo("ok\n"));
      assertThat(push(calls, blob).status()).isEqualTo(201);
    }
  }

  /**
   * Pushes indexes of an image, for which no file but those of the index is opened, until one is
   * refused.
   */
  private static HttpCalls.Reply untilRefused(
      HttpCalls calls, Sample image, List<Sample> acknowledged) throws IOException {
    for (int i = 0; i < MAX_MANIFESTS; i++) {
      String more = ",\"annotations\":{\"a\":\"%d%s\"}".formatted(i, "x".repeat(MANIFEST_BYTES));
      Sample index =
          Sample.of(
              ManifestText.index(image.descriptor(ManifestText.OCI_IMAGE), more).getBytes(UTF_8));
      HttpCalls.Reply reply = put(calls, index, ManifestText.OCI_INDEX, "t" + i);
      if (reply.status() != 201) {
        return reply;
      }
      acknowledged.add(index);
    }
    return fail("the index did not notice the fault");
  }

  private Path data() {
    return directory.resolve("data");
  }

  private Path index() {
    return data().resolve("index");
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
    return put(calls, manifest, ManifestText.OCI_IMAGE, tag);
  }

  private static HttpCalls.Reply put(HttpCalls calls, Sample manifest, String type, String tag)
      throws IOException {
    return calls.send(
        "PUT", REPOSITORY + "/manifests/" + tag, manifest.bytes(), "Content-Type", type);
  }

  private static void readOnly(Path directory) {
    run("mount", "--bind", "" + directory, "" + directory);
    run("mount", "-o", "remount,bind,ro", "" + directory);
  }

  private static void run(String... command) {
    String problem = SystemCommand.run(command);
    if (!problem.isEmpty()) {
      if ("1".equals(System.getenv("CISTERN_CI")) && !command[0].equals("chattr")) {
        fail(problem);
      }
      abort(problem);
    }
  }
}
