package dev.cistern.conformance.clients;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.conformance.CisternServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PodmanTest {
  private Path directory;
  private SampleImage image;
  private Skopeo skopeo;
  private Podman podman;

  @BeforeEach
  void start(@TempDir Path temporary) {
    Clients.need("podman", "skopeo");
    Clients.needRoot();
    directory = temporary;
    image = SampleImage.write(directory.resolve("layout"));
    skopeo = new Skopeo(directory);
    podman = new Podman(directory.resolve("podman"));
  }

  @AfterEach
  void stop() {
    if (podman != null) {
      podman.close();
    }
  }

  @Test
  void anImageIsPulledAndPushedUnderAnotherName() {
    try (CisternServer server = CisternServer.start(directory.resolve("data"))) {
      skopeo.copyAll(image.reference(), "docker://" + server.host() + "/team/app:v1");

      assertThat(podman.pull(server.host() + "/team/app:v1")).isEqualTo(image.index());

      String copy = server.host() + "/other/copy:v2";
      assertThat(podman.push(server.host() + "/team/app:v1", copy)).isEqualTo(image.amd64());
      assertThat(OciLayout.digest(skopeo.manifest("docker://" + copy))).isEqualTo(image.amd64());
      assertThat(server.complaints()).isEmpty();
    }
  }

  @Test
  void anImageThatPodmanBuiltComesBack() throws IOException {
    Path context = Files.createDirectories(directory.resolve("context"));
    Files.writeString(context.resolve("file"), "content");
    Files.writeString(context.resolve("Dockerfile"), "FROM scratch\nCOPY file /file\n");
    try (CisternServer server = CisternServer.start(directory.resolve("data"))) {
      String built = server.host() + "/built/by-podman:v1";
      podman.podman("build", "-q", "--isolation", "chroot", "-t", built, context.toString()).run();

      String digest = podman.push(built, built);

      podman.podman("image", "rm", "-af").run();
      assertThat(podman.pull(built)).isEqualTo(digest);
      assertThat(server.complaints()).isEmpty();
    }
  }

  @Test
  void anImageComesThroughTheMirrorThatRegistriesConfNames() {
    Clients.need("docker-registry");
    String registry = "registry.example.com";
    try (DebianRegistry upstream = DebianRegistry.start(directory.resolve("upstream"))) {
      skopeo.copyAll(image.reference(), "docker://" + upstream.host() + "/team/app:v1");
      try (CisternServer server =
          CisternServer.start(
              directory.resolve("data"), "--upstream", registry + "=http://" + upstream.host())) {
        podman.mirror(registry, server.host() + "/" + registry);

        assertThat(podman.pull(registry + "/team/app:v1")).isEqualTo(image.index());

        assertThat(upstream.requests()).isNotEmpty();
        assertThat(server.complaints()).isEmpty();
      }
    }
  }
}
