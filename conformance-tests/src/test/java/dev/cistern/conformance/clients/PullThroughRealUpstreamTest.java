package dev.cistern.conformance.clients;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.stream.Collectors.counting;
import static java.util.stream.Collectors.groupingBy;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.conformance.CisternServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** Everything is pulled through from Debian's docker-registry, by every client; then it is gone. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PullThroughRealUpstreamTest {
  private static final String USER = "alice";
  private static final String PASSWORD = "secret";
  private static final Pattern BLOB = Pattern.compile("\"GET (/v2/\\S+/blobs/\\S+) HTTP.* 200 ");

  private SampleImage image;
  private Skopeo skopeo;
  private Podman podman;
  private DockerDaemon docker;

  @BeforeAll
  void start(@TempDir Path directory) {
    Clients.need("docker-registry", "htpasswd", "skopeo", "podman");
    Clients.need("docker", "dockerd", "containerd", "runc");
    Clients.needRoot();
    image = SampleImage.write(directory.resolve("layout"));
    skopeo = new Skopeo(directory);
    podman = new Podman(directory.resolve("podman"));
    docker = DockerDaemon.start(directory.resolve("docker"));
  }

  @AfterAll
  void stop() {
    if (docker != null) {
      docker.close();
    }
    if (podman != null) {
      podman.close();
    }
  }

  @Test
  void anOpenUpstreamIsPulledThroughAndThenNotNeeded(@TempDir Path directory) throws IOException {
    try (DebianRegistry upstream = DebianRegistry.start(directory.resolve("upstream"))) {
      pullThrough(upstream, "insecure: true", directory);
    }
  }

  @Test
  void anUpstreamWithTlsIsPulledThroughAndThenNotNeeded(@TempDir Path directory)
      throws IOException {
    Clients.need("openssl");
    Path upstreams = directory.resolve("upstream");
    try (DebianRegistry upstream = DebianRegistry.startTls(upstreams)) {
      pullThrough(upstream, "caFile: " + upstreams.resolve("ca.pem"), directory);
    }
  }

  @Test
  void anUpstreamWithPasswordsIsPulledThroughAndThenNotNeeded(@TempDir Path directory)
      throws IOException {
    String login = Base64.getEncoder().encodeToString((USER + ":" + PASSWORD).getBytes(UTF_8));
    Path logins =
        Files.writeString(
            directory.resolve("config.json"),
            "{\"auths\":{\"registry.example.com\":{\"auth\":\"" + login + "\"}}}");
    try (DebianRegistry upstream =
        DebianRegistry.startWithPassword(directory.resolve("upstream"), USER, PASSWORD)) {
      pullThrough(upstream, "insecure: true\n    credentials: " + logins, directory);
    }
  }

  private void pullThrough(DebianRegistry upstream, String setting, Path directory)
      throws IOException {
    push(image.reference(), upstream, "team/app:v1");
    String signature = "team/app:" + image.signatureTag();
    push(image.layout().reference(image.signatureTag()), upstream, signature);
    String configuration =
        """
        upstreams:
          - registry: registry.example.com
            name: up
            endpoint: %s
            %s
        """
            .formatted(upstream.endpoint(), setting);
    Path file = Files.writeString(directory.resolve("cistern.yaml"), configuration);
    try (CisternServer server =
        CisternServer.start(directory.resolve("data"), "--config", file.toString())) {
      String name = server.host() + "/up/team/app:v1";
      pullWithEveryClient(name, directory.resolve("first"));
      assertThat(
              upstream.requests().stream()
                  .flatMap(line -> BLOB.matcher(line).results())
                  .map(request -> request.group(1))
                  .collect(groupingBy(path -> path, counting())))
          .as("downloads of each blob")
          .isNotEmpty()
          .allSatisfy((path, count) -> assertThat(count).isEqualTo(1));
      assertThat(server.complaints()).isEmpty();

      upstream.close();

      pullWithEveryClient(name, directory.resolve("second"));
      assertThat(skopeo.listTags("docker://" + server.host() + "/up/team/app").run())
          .contains("\"v1\"", image.signatureTag());
      assertThat(skopeo.inspect("docker://" + server.host() + "/up/never/seen:v1").fail())
          .doesNotContain("manifest unknown");
      assertThat(server.complaints()).hasSizeLessThanOrEqualTo(1);
    }
  }

  private void push(String from, DebianRegistry upstream, String to) {
    skopeo
        .copy("--all", "--preserve-digests", "--dest-creds", USER + ":" + PASSWORD)
        .and(from, "docker://" + upstream.host() + "/" + to)
        .run();
  }

  /** Pulls with nothing on the clients' sides, and compares. */
  private void pullWithEveryClient(String name, Path directory) {
    OciLayout back = OciLayout.create(directory);
    skopeo.copyAll("docker://" + name, back.reference("v1"));
    assertThat(back.digest("v1")).isEqualTo(image.index());
    assertThat(back.contents()).isEqualTo(image.contents());

    String signature = "docker://" + name.replace(":v1", ":" + image.signatureTag());
    assertThat(OciLayout.digest(skopeo.manifest(signature))).isEqualTo(image.signature());

    assertThat(podman.pull(name)).isEqualTo(image.index());
    podman.podman("image", "rm", "-af").run();

    assertThat(docker.pull(name)).isEqualTo(image.index());
    docker.docker("image", "rm", "-f", name).run();
  }
}
