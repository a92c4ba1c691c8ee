package dev.cistern.conformance.clients;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.conformance.CisternServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** podman pulls what a stream keeps here while the registry that it was imported from is away. */
class StreamOfflineTest {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private Path directory;
  private SampleImage image;
  private DebianRegistry upstream;
  private CisternServer server;
  private Podman podman;

  @BeforeEach
  void start(@TempDir Path temporary) throws IOException {
    Clients.need("docker-registry", "podman", "skopeo");
    Clients.needRoot();
    directory = temporary;
    image = SampleImage.write(directory.resolve("layout"));
    upstream = DebianRegistry.start(directory.resolve("upstream"));
    new Skopeo(directory)
        .copyAll(image.reference(), "docker://" + upstream.host() + "/proj/app:v1");
    Path config =
        Files.writeString(
            directory.resolve("cistern.yaml"),
            "upstreams: [{registry: \"%s\", name: up, endpoint: %s, insecure: true}]\n"
                .formatted(upstream.host(), upstream.endpoint()));
    server = CisternServer.start(directory.resolve("data"), "--config", config.toString());
    podman = new Podman(directory.resolve("podman"));
    cistern("import-image", "app:v1", "--from=" + upstream.host() + "/proj/app:v1")
        .and("--import-mode=PreserveOriginal", "--reference-policy=local", "--confirm")
        .run();
  }

  @AfterEach
  void stop() {
    for (AutoCloseable one : new AutoCloseable[] {podman, server, upstream}) {
      if (one != null) {
        assertThat(one).satisfies(AutoCloseable::close);
      }
    }
  }

  private Command cistern(String... words) {
    return Command.cistern(words).and("--server", "http://" + server.host());
  }

  /**
   * Pulls as a node does that has nothing yet; an image that it has would keep its first digest.
   */
  private String pull(String reference) {
    podman.podman("rmi", "--all", "--force").run();
    return podman.pull(server.host() + "/default/app" + reference);
  }

  private boolean isComplete() {
    JsonNode share =
        JsonMapper.shared()
            .readTree(cistern("get", "is/app", "-o", "json").run())
            .path("status")
            .path("tags")
            .path(0)
            .path("items")
            .path(0)
            .path("completeness");
    return share.path("parts").asInt() > 0 && share.path("parts").equals(share.path("here"));
  }

  @Test
  void withPrefetchAllOfAllPlatformsIsHere() throws IOException {
    Path file =
        Files.writeString(
            directory.resolve("app.yaml"),
            """
            apiVersion: image.openshift.io/v1
            kind: ImageStream
            metadata: {name: app, annotations: {cistern.dev/prefetch: all}}
            """);
    cistern("apply", "-f", file.toString()).run();
    await().atMost(PATIENCE).until(this::isComplete);
    upstream.close();

    assertThat(pull(":v1")).isEqualTo(image.index());
    assertThat(pull("@" + image.index())).isEqualTo(image.index());
    for (String child : List.of(image.amd64(), image.arm64())) {
      assertThat(pull("@" + child)).isEqualTo(child);
    }
  }

  @Test
  void withoutItWhatWasPulledOnceIsHere() {
    assertThat(pull(":v1")).isEqualTo(image.index());
    upstream.close();

    assertThat(pull(":v1")).isEqualTo(image.index());
    assertThat(pull("@" + image.amd64())).isEqualTo(image.amd64());
    String never = server.host() + "/default/app@" + image.arm64();
    assertThat(podman.podman("pull", "--tls-verify=false", never).fail())
        .contains("Error fetching blob", "502 (Bad Gateway)");
  }
}
