package dev.cistern.conformance.clients;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.conformance.CisternServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** The image that {@code deploy/image} builds, on a docker of its own. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ContainerImageTest {
  private static final String TAG = "cistern:test";
  private static final long MOST_BYTES = 150_000_000;
  private static final Pattern SERVING = Pattern.compile("serving address=\"[^\"]*:(\\d+)\"");
  private static final Pattern COMPLAINT = Pattern.compile("(?m)^\\S+ (WARN|ERROR) .*|^\\[.*");

  private SampleImage image;
  private Skopeo skopeo;
  private DockerDaemon docker;

  @BeforeAll
  void start(@TempDir Path directory) throws IOException {
    Clients.need("docker", "dockerd", "containerd", "runc", "skopeo");
    Clients.needRoot();
    needBaseImage();
    image = SampleImage.write(directory.resolve("layout"));
    skopeo = new Skopeo(directory);
    Path checkout = context(directory.resolve("checkout"));
    docker = DockerDaemon.start(directory.resolve("docker"));
    docker
        .with(Command.of(Clients.checkout().resolve(".ci/base-image").toString()))
        .within(Duration.ofMinutes(5))
        .run();
    docker
        .with(Command.of(checkout.resolve("deploy/image").toString(), TAG))
        .with("JAVA_HOME", System.getProperty("java.home"))
        .within(Duration.ofMinutes(3))
        .run();
  }

  @AfterAll
  void stop() {
    if (docker != null) {
      docker.close();
    }
  }

  @Test
  void aPushedImageSurvivesARestartForAnyUserOnAReadOnlyRoot(@TempDir Path directory)
      throws IOException {
    String container =
        docker
            .docker("run", "-d", "--user", "54321:999", "--read-only", "--cap-drop", "ALL")
            .and("--security-opt", "no-new-privileges", "-v", "cistern-data:/data")
            .and("--network", "host", "-e", "CISTERN_LISTEN=127.0.0.1:0")
            .and("-e", "CISTERN_ANONYMOUS=push", TAG)
            .run();
    skopeo.copyAll(image.reference(), "docker://" + host(container, 1) + "/team/app:v1");

    docker.docker("restart", container).run();

    OciLayout back = OciLayout.create(directory.resolve("back"));
    skopeo.copyAll("docker://" + host(container, 2) + "/team/app:v1", back.reference("v1"));
    assertThat(back.digest("v1")).isEqualTo(image.index());
    assertThat(back.contents()).isEqualTo(image.contents());
    assertThat(Files.readString(Path.of("/proc", state(container, "Pid"), "maps")))
        .contains("/opt/cistern/lib/librocksdbjni.so", "/opt/cistern/lib/libnetty_transport");

    docker.docker("stop", container).run();
    assertThat(state(container, "ExitCode")).isIn("0", "143");
    assertThat(COMPLAINT.matcher(log(container)).results().map(MatchResult::group)).isEmpty();
  }

  @Test
  void otherCommandsRunToo() {
    assertThat(run("--version")).startsWith("cistern ");
    assertThat(run("check")).contains("listen: 0.0.0.0:5000", "storage: /data");
    assertThat(run("--help")).contains("serve");
  }

  @Test
  void classesComeFromTheAheadOfTimeCache() {
    String said =
        docker
            .docker("run", "--rm", "--network", "none")
            .and("-e", "JAVA_TOOL_OPTIONS=-XX:AOTMode=on -Xlog:class+load", TAG, "--version")
            .run();

    assertThat(said)
        .containsPattern("dev\\.cistern\\.server\\.cli\\.Main source: shared objects file");
  }

  @Test
  void theImageIsSmallAndWithoutAShell() {
    String size = docker.docker("image", "inspect", "--format", "{{.Size}}", TAG).run();

    assertThat(Long.parseLong(size)).isLessThan(MOST_BYTES);
    assertThat(docker.docker("run", "--rm", "--entrypoint", "/bin/sh", TAG).fail())
        .contains("no such file");
  }

  private String run(String... arguments) {
    return docker
        .docker("run", "--rm", "--network", "none", "--user", "12345", "--read-only", TAG)
        .and(arguments)
        .run();
  }

  /** Waits until it has started that often, and returns {@code 127.0.0.1:PORT} of the last one. */
  private String host(String container, int starts) {
    await()
        .atMost(Duration.ofSeconds(30))
        .until(() -> SERVING.matcher(log(container)).results().count() == starts);
    return "127.0.0.1:" + SERVING.matcher(log(container)).results().toList().getLast().group(1);
  }

  private String log(String container) {
    return docker.docker("logs", container).run();
  }

  private String state(String container, String field) {
    return docker.docker("inspect", "--format", "{{.State." + field + "}}", container).run();
  }

  /** Goes on where the image that the Dockerfile is built from can be had without a download. */
  private static void needBaseImage() throws IOException {
    String home = System.getProperty("user.home");
    String caches = System.getenv().getOrDefault("XDG_CACHE_HOME", home + "/.cache");
    Path cache = Path.of(System.getenv().getOrDefault("CISTERN_CI_CACHE", caches + "/cistern-ci"));
    if (Clients.areAllExpected()) {
      return;
    }
    if (Files.isDirectory(cache)) {
      try (Stream<Path> files = Files.list(cache)) {
        if (files.anyMatch(file -> file.getFileName().toString().startsWith("base-"))) {
          return;
        }
      }
    }
    throw Clients.unavailable("no base image in " + cache + "; .ci/base-image makes it");
  }

  /** Makes what a checkout has after a build, from the distribution under test. */
  private static Path context(Path directory) throws IOException {
    for (String file :
        List.of("Dockerfile", ".dockerignore", "LICENSE", "cistern", "deploy/image")) {
      copy(Clients.checkout().resolve(file), directory.resolve(file));
    }
    try (Stream<Path> files = Files.walk(CisternServer.dist())) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        String name = CisternServer.dist().relativize(file).toString();
        copy(file, directory.resolve("server/target/dist").resolve(name));
      }
    }
    return directory;
  }

  private static void copy(Path from, Path to) throws IOException {
    Files.createDirectories(to.getParent());
    Files.copy(from, to, StandardCopyOption.COPY_ATTRIBUTES);
  }
}
