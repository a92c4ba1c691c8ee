package dev.cistern.conformance.clients;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.conformance.CisternServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** A docker daemon whose mirror for Docker Hub is a server with an upstream behind it. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class DockerTest {
  private Path directory;
  private SampleImage image;
  private Skopeo skopeo;
  private DebianRegistry upstream;
  private CisternServer server;
  private DockerDaemon docker;

  @BeforeAll
  void start(@TempDir Path temporary) {
    Clients.need("docker", "dockerd", "containerd", "runc", "docker-registry", "skopeo");
    Clients.need("busybox");
    Clients.needRoot();
    directory = temporary;
    image = SampleImage.write(directory.resolve("layout"));
    skopeo = new Skopeo(directory);
    upstream = DebianRegistry.start(directory.resolve("upstream"));
    server =
        CisternServer.start(
            directory.resolve("data"),
            "--upstream",
            "hub=http://" + upstream.host(),
            "--default-upstream",
            "hub");
    docker =
        DockerDaemon.start(
            directory.resolve("docker"), "--registry-mirror=http://" + server.host());
  }

  @AfterAll
  void stop() {
    if (docker != null) {
      docker.close();
    }
    if (upstream != null) {
      upstream.close();
    }
    if (server != null) {
      server.close();
      assertThat(server.complaints()).isEmpty();
    }
  }

  @Test
  void aBuiltImageIsPushedPulledAndRuns() throws IOException {
    String name = server.host() + "/hub/built/by-docker:v1";
    Path context = Files.createDirectories(directory.resolve("context"));
    Files.copy(Clients.busybox().orElseThrow(), context.resolve("busybox"));
    Files.writeString(
        context.resolve("Dockerfile"),
        """
        FROM scratch
        COPY busybox /bin/busybox
        RUN ["/bin/busybox", "--install", "/bin"]
        CMD ["/bin/echo", "hello from a build"]
        """);
    docker.docker("build", "-q", "--network", "none", "-t", name, context.toString()).run();
    docker.docker("push", name).run();
    String pushed = docker.digest(name);
    assertThat(OciLayout.digest(skopeo.manifest("docker://" + name))).isEqualTo(pushed);
    docker.docker("image", "rm", name).run();

    assertThat(docker.pull(name)).isEqualTo(pushed);
    assertThat(docker.run(name)).isEqualTo("hello from a build");
  }

  @Test
  void anImageOfManyPlatformsIsPulledAndRuns() {
    String name = server.host() + "/team/app:v1";
    skopeo.copyAll(image.reference(), "docker://" + name);

    assertThat(docker.pull(name)).isEqualTo(image.index());
    assertThat(docker.run(name)).isEqualTo(SampleImage.GREETING);
    assertThat(docker.pull(server.host() + "/team/app@" + image.amd64()))
        .isIn(image.index(), image.amd64());
  }

  @Test
  void aNameWithoutARegistryComesThroughTheMirror() {
    skopeo.copyAll(image.reference(), "docker://" + upstream.host() + "/library/hello:v1");

    assertThat(docker.pull("hello:v1")).isEqualTo(image.index());
    assertThat(docker.run("hello:v1")).isEqualTo(SampleImage.GREETING);
    assertThat(upstream.requests())
        .anyMatch(line -> line.contains("/v2/library/hello/manifests/v1"));
  }

  @Test
  void aLoginIsNotNeededAndDoesNoHarm() {
    docker.docker("login", "-u", "anybody", "-p", "anything", server.host()).run();
    skopeo.copyAll(image.reference(), "docker://" + server.host() + "/logged/in:v1");

    assertThat(docker.pull(server.host() + "/logged/in:v1")).isEqualTo(image.index());
  }
}
