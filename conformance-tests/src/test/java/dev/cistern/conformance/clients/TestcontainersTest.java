package dev.cistern.conformance.clients;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.conformance.CisternServer;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.startupcheck.OneShotStartupCheckStrategy;
import org.testcontainers.images.builder.ImageFromDockerfile;
import org.testcontainers.utility.DockerImageName;

/**
 * Testcontainers reads where docker is from its environment when its classes are loaded, so it runs
 * in a JVM of its own ({@link #main}).
 */
class TestcontainersTest {
  @Test
  void aContainerRunsFromABuildAndFromAnImageOfTheServer(@TempDir Path directory) {
    Clients.need("docker", "dockerd", "containerd", "runc", "skopeo", "busybox");
    Clients.needRoot();
    SampleImage image = SampleImage.write(directory.resolve("layout"));
    try (CisternServer server = CisternServer.start(directory.resolve("data"));
        DockerDaemon docker = DockerDaemon.start(directory.resolve("docker"))) {
      String name = server.host() + "/team/app:v1";
      new Skopeo(directory).copyAll(image.reference(), "docker://" + name);

      String said =
          docker
              .with(Command.of(Path.of(System.getProperty("java.home"), "bin/java").toString()))
              .and("-cp", System.getProperty("java.class.path", ""))
              .and(TestcontainersTest.class.getName(), name)
              .and(Clients.busybox().orElseThrow().toString())
              .with("TESTCONTAINERS_RYUK_DISABLED", "true")
              .with("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1")
              .within(Duration.ofMinutes(2))
              .run();

      assertThat(said.lines()).contains("hello from a build", SampleImage.GREETING);
      assertThat(docker.digest(name)).isEqualTo(image.index());
      assertThat(server.complaints()).isEmpty();
    }
  }

  /**
   * Builds an image and runs it, then runs an image of a registry.
   *
   * @param arguments the image and a busybox
   */
  static void main(String[] arguments) {
    var built =
        new ImageFromDockerfile("testcontainers/hello:v1", true)
            .withFileFromPath("busybox", Path.of(arguments[1]))
            .withFileFromString(
                "Dockerfile",
                """
                FROM scratch
                COPY busybox /bin/busybox
                CMD ["/bin/busybox", "echo", "hello from a build"]
                """);
    try (var container = new GenericContainer<>(built)) {
      System.out.println(logs(container));
    }
    try (var container = new GenericContainer<>(DockerImageName.parse(arguments[0]))) {
      System.out.println(logs(container));
    }
  }

  private static String logs(GenericContainer<?> container) {
    container
        .withNetworkMode("none")
        .withStartupCheckStrategy(new OneShotStartupCheckStrategy())
        .start();
    return container.getLogs().strip();
  }
}
