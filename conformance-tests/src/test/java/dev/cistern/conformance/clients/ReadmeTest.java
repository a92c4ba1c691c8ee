package dev.cistern.conformance.clients;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.conformance.CisternServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * What the README tells users to run, run as it stands there: only the address of the server is
 * another, and behind its Docker Hub is a registry of this machine.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ReadmeTest {
  private static final String ADDRESS = "127.0.0.1:5000";
  private static final Pattern BLOCK = Pattern.compile("(?ms)^```(\\w+)\\n(.*?)^```$");

  /** Run by the tests that are named, or by whoever runs this one. */
  private static final List<String> RUN_ELSEWHERE =
      List.of(
          "./cistern serve", // this class, and CisternServer everywhere
          "./cistern serve --default-upstream docker.io", // this class
          "./cistern test", // .ci/run
          "deploy/image cistern"); // ContainerImageTest

  private Path directory;
  private SampleImage image;
  private Skopeo skopeo;
  private DebianRegistry hub;
  private CisternServer server;

  @BeforeAll
  void start(@TempDir Path temporary) throws IOException {
    Clients.need("docker-registry", "skopeo", "busybox");
    directory = temporary;
    image = SampleImage.write(directory.resolve("layout"));
    skopeo = new Skopeo(directory);
    hub = DebianRegistry.start(directory.resolve("hub"));
    skopeo.copyAll(image.reference(), "docker://" + hub.host() + "/library/alpine:latest");
    Path config =
        Files.writeString(
            directory.resolve("cistern.yaml"),
            """
            upstreams:
              - {registry: docker.io, endpoint: "http://%1$s", insecure: true}
              - {registry: quay.io, endpoint: "http://%1$s", insecure: true}
            """
                .formatted(hub.host()));
    server =
        CisternServer.start(
            directory.resolve("data"),
            "--config",
            config.toString(),
            "--default-upstream",
            "docker.io");
  }

  @AfterAll
  void stop() {
    if (server != null) {
      server.close();
    }
    if (hub != null) {
      hub.close();
    }
  }

  @Test
  void everyCommandIsRunSomewhere() throws IOException {
    assertThat(commands())
        .isNotEmpty()
        .allMatch(command ->
            RUN_ELSEWHERE.contains(command)
                || Stream.of(
                        "docker ",
                        "podman ",
                        "skopeo ",
                        "curl ",
                        "./cistern check ",
                        "./cistern render ",
                        "./cistern why ",
                        "./cistern preheat ")
                    .anyMatch(command::startsWith));
  }

  @Test
  void skopeoAndCurl() throws IOException {
    Clients.need("curl");
    for (String command : commands("skopeo ")) {
      skopeo.skopeo(words(command)).run();
    }
    List<String> said = new ArrayList<>();
    for (String command : commands("curl ")) {
      said.add(Command.of("curl", "--fail").and(words(command)).run());
    }

    assertThat(said.getFirst()).contains("team/app", "docker.io/library/alpine");
    assertThat(said.getLast()).contains("cistern_requests_total");
  }

  @Test
  void podman() throws IOException {
    Clients.need("podman");
    Clients.needRoot();
    try (var podman = new Podman(directory.resolve("podman"))) {
      for (String command : commands("podman ")) {
        podman.podman(words(command)).run();
      }
    }
  }

  @Test
  void docker() throws IOException {
    needDocker();
    try (DockerDaemon docker = DockerDaemon.start(directory.resolve("docker"))) {
      for (String command : commands("docker ")) {
        docker.docker(words(command)).run();
      }
    }
  }

  @Test
  void questions() throws IOException {
    var said = new ArrayList<String>();
    for (String program : List.of("./cistern why ", "./cistern preheat ")) {
      for (String command : commands(program)) {
        List<String> line = CisternServer.command(List.of(words(command)));
        said.add(
            Command.of(line.getFirst(), line.subList(1, line.size()).toArray(String[]::new))
                .and("--server", "http://" + server.host())
                .run());
      }
    }

    assertThat(said.getFirst()).contains("rule: the name begins with docker.io");
    assertThat(said.getLast()).contains("\"state\":\"done\"");
  }

  @Test
  void check() throws IOException {
    for (String command : commands("./cistern check ")) {
      List<String> arguments =
          Stream.concat(Stream.of("check"), Stream.of(words(command))).toList();
      List<String> line = CisternServer.command(arguments.subList(0, 1));
      String said =
          Command.of(line.getFirst(), line.subList(1, line.size()).toArray(String[]::new))
              .and(arguments.subList(2, arguments.size()).toArray(String[]::new))
              .run();

      assertThat(said).contains("upstream example: https://registry.example.com");
    }
  }

  @Test
  void render() throws IOException {
    for (String command : commands("./cistern render ")) {
      List<String> line = CisternServer.command(List.of(words(command)));
      String said =
          Command.of(line.getFirst(), line.subList(1, line.size()).toArray(String[]::new)).run();

      assertThat(said).contains("- mirror.example.com:5000/registry.redhat.io");
    }
  }

  @Test
  void theFileForContainerd() throws IOException {
    Clients.need("containerd", "ctr");
    Clients.needRoot();
    Path hosts = Files.createDirectories(directory.resolve("hosts").resolve("_default"));
    Files.writeString(hosts.resolve("hosts.toml"), block("toml", "capabilities"));
    String name = "docker.io/library/alpine:latest";
    try (Containerd containerd = Containerd.start(directory.resolve("containerd"))) {
      containerd
          .ctr("images", "pull", "--hosts-dir", directory.resolve("hosts").toString())
          .and("--snapshotter", "native", name)
          .run();

      assertThat(containerd.digest(name)).isEqualTo(image.index());
    }
  }

  @Test
  void theFileForPodman() throws IOException {
    Clients.need("podman");
    Clients.needRoot();
    Path file = directory.resolve("cistern.conf");
    Files.writeString(file, block("toml", "registry.mirror"));
    try (var podman = new Podman(directory.resolve("podman-mirror"))) {
      podman
          .podman("pull", "-q", "quay.io/library/alpine:latest")
          .with("CONTAINERS_REGISTRIES_CONF", file.toString())
          .run();
    }
    assertThat(hub.requests()).anyMatch(line -> line.contains("/v2/library/alpine/manifests/"));
  }

  @Test
  void theFileForDocker() throws IOException {
    needDocker();
    Path file = directory.resolve("daemon.json");
    Files.writeString(file, block("json", "registry-mirrors"));
    try (DockerDaemon docker =
        DockerDaemon.start(directory.resolve("docker-mirror"), "--config-file=" + file)) {
      assertThat(docker.pull("alpine:latest")).isEqualTo(image.index());
    }
  }

  private static void needDocker() {
    Clients.need("docker", "dockerd", "containerd", "runc");
    Clients.needRoot();
  }

  /** Returns a command's words without the first, with the address of our server. */
  private String[] words(String command) {
    List<String> words = List.of(command.replace(ADDRESS, server.host()).split(" ", -1));
    return words.subList(1, words.size()).toArray(String[]::new);
  }

  private static List<String> commands(String program) throws IOException {
    List<String> found = commands().stream().filter(line -> line.startsWith(program)).toList();
    assertThat(found).isNotEmpty();
    return found;
  }

  private static List<String> commands() throws IOException {
    return blocks("sh").flatMap(String::lines).filter(line -> !line.isBlank()).toList();
  }

  /** Returns the block of that language with that word, with the address of our server. */
  private String block(String language, String word) throws IOException {
    return blocks(language)
        .filter(block -> block.contains(word))
        .findFirst()
        .orElseThrow()
        .replace(ADDRESS, server.host());
  }

  private static Stream<String> blocks(String language) throws IOException {
    return BLOCK
        .matcher(Files.readString(Clients.checkout().resolve("README.md")))
        .results()
        .filter(block -> block.group(1).equals(language))
        .map(block -> block.group(2));
  }
}
