package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A client may keep its connection for as long as it wants, and runtimes and proxies do: what it
 * has been sent leaves nothing in the server's memory.
 */
class KeptConnectionTest {
  private static final int ROUNDS = 150;
  private static final long LARGE = 1L << 30;

  /** What is kept of contents, not of replies; each is bounded where it is kept. */
  private static final Set<String> OF_CONTENT =
      Set.of(
          "dev.cistern.mirror.Why$Last",
          "dev.cistern.mirror.rules.PullSource",
          "dev.cistern.oci.Digest",
          "dev.cistern.oci.RepositoryName",
          "dev.cistern.storage.Uses$Link");

  private static final Pattern LINE =
      Pattern.compile("\\s*\\d+:\\s+(\\d+)\\s+\\d+\\s+(dev\\.cistern\\.\\S+)");

  @Test
  void whatWasSentIsForgotten(@TempDir Path directory) throws Exception {
    try (UpstreamRegistry upstream = UpstreamRegistry.start()) {
      upstream.usually(ColdImage::answer);
      try (CisternServer server =
              new TestConfig(directory).upstream("up", upstream, "insecure: true").start();
          TestClient client = new TestClient(server)) {
        pull(client, upstream, 0);
        Map<String, Long> before = instances(server);
        pull(client, upstream, ROUNDS);
        Map<String, Long> after = instances(server);

        after.keySet().removeAll(OF_CONTENT);
        after.forEach((name, count) ->
            assertThat(count).as(name).isLessThan(before.getOrDefault(name, 0L) + ROUNDS / 2));
      }
    }
  }

  /**
   * Pulls images that are not here, parts of large blobs (relayed) and a list of objects, and
   * begins uploads.
   */
  private static void pull(TestClient client, UpstreamRegistry upstream, int from) {
    for (int number = from; number < from + ROUNDS; number++) {
      var image = new ColdImage(number);
      String path = "/v2/up/team/" + image.name();
      assertThat(client.get(path + "/manifests/v1").bytes()).isEqualTo(image.manifest());
      assertThat(client.get(path + "/blobs/" + Samples.digest(image.blob())).bytes())
          .isEqualTo(image.blob());
      var large = GeneratedBlob.endless(number, LARGE);
      String blob = "/v2/up/team/large/blobs/" + upstream.addBlob("team/large", large);
      assertThat(client.get(blob, "Range", "bytes=-1024").bytes())
          .isEqualTo(large.part(LARGE - 1024, 1024));
      assertThat(client.get("/api/v1/namespaces").status()).isEqualTo(200);
      assertThat(client.post("/v2/pushed/blobs/uploads/", "application/octet-stream", "").status())
          .isEqualTo(202);
    }
  }

  /** Returns how many objects of ours of each class live. */
  private static Map<String, Long> instances(CisternServer server)
      throws IOException, InterruptedException {
    Path jcmd = Path.of(System.getProperty("java.home"), "bin", "jcmd");
    Process process =
        new ProcessBuilder(jcmd.toString(), Long.toString(server.pid()), "GC.class_histogram")
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    var instances = new TreeMap<String, Long>();
    for (String line : output.lines().toList()) {
      Matcher parts = LINE.matcher(line);
      if (parts.lookingAt()) {
        instances.put(parts.group(2), Long.parseLong(parts.group(1)));
      }
    }
    return instances;
  }
}
