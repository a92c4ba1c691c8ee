package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A registries.conf as podman has it, in force for what this server pulls. */
class RegistriesConfServedTest {
  private static final String APP = "team/app";

  @TempDir private Path directory;

  private final UpstreamRegistry mirror = UpstreamRegistry.start();
  private final byte[] manifest = Samples.manifestOf(List.of(Samples.bytes(1000, 3)));
  private final String digest = Samples.digest(manifest);

  @BeforeEach
  void fill() {
    mirror.addManifest(APP, manifest, "v1");
  }

  @AfterEach
  void stop() {
    mirror.close();
  }

  @Test
  void anInsecureMirrorIsReachedOverPlainHttpWhereHttpsFails() throws IOException {
    assertThat(status("insecure = true", "/v2/source.example/team/app/manifests/v1"))
        .isEqualTo(200);
    assertThat(mirror.requests("GET", "/v2/team/app/manifests/v1")).hasSize(1);
  }

  @Test
  void anotherIsNeverReachedOverPlainHttp() throws IOException {
    assertThat(status("", "/v2/source.example/team/app/manifests/v1")).isEqualTo(502);
    assertThat(mirror.connections()).isPositive();
    assertThat(mirror.requests()).isEmpty();
  }

  @Test
  void aMirrorForDigestsOnlyIsNotAskedForTags() throws IOException {
    String only = "insecure = true\npull-from-mirror = \"digest-only\"";
    assertThat(status(only, "/v2/source.example/team/app/manifests/v1")).isEqualTo(502);
    assertThat(mirror.connections()).isZero();
    assertThat(status(only, "/v2/source.example/team/app/manifests/" + digest)).isEqualTo(200);
  }

  @Test
  void aWildcardStandsForAllHostsBelow() throws IOException {
    assertThat(status("insecure = true", "/v2/app/manifests/v1?ns=a.b.wild.example"))
        .isEqualTo(200);
    assertThat(mirror.requests("GET", "/v2/team/app/manifests/v1")).hasSize(1);
    assertThat(status("insecure = true", "/v2/app/manifests/v1?ns=wild.example")).isEqualTo(404);
  }

  @Test
  void whatIsBlockedIsNotContacted() throws IOException {
    assertThat(status("insecure = true", "/v2/blocked.example/app/manifests/v1")).isEqualTo(404);
  }

  /** Starts a server whose source and wildcard have {@code mirror}, and asks it once. */
  private int status(String more, String path) throws IOException {
    Path file = directory.resolve("registries.conf");
    String mirrored =
        "[[registry.mirror]]\nlocation = \"" + mirror.host() + "/team\"\n" + more + "\n";
    Files.writeString(
        file,
        "[[registry]]\nlocation = \"source.example/team\"\n"
            + mirrored
            + "[[registry]]\nprefix = \"*.wild.example\"\n"
            + mirrored
            + "[[registry]]\nlocation = \"blocked.example\"\nblocked = true\n");
    try (CisternServer server =
            new TestConfig(directory).line("registriesConf: [" + file + "]").start();
        TestClient client = new TestClient(server)) {
      return client.get(path).status();
    }
  }
}
