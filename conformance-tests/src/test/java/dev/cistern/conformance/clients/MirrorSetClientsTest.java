package dev.cistern.conformance.clients;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.conformance.CisternServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * podman and skopeo as nodes have them, with the registries.conf that {@code cistern render} makes
 * of the objects that the server goes by too. The sources' hosts are listeners that serve nobody;
 * the server alone knows where their images are.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class MirrorSetClientsTest {
  private static final String UNKNOWN = "sha256:" + "0".repeat(64);

  private Path directory;
  private SampleImage image;
  private Skopeo skopeo;
  private Podman podman;
  private Path registries;
  private Listener source;
  private Listener never;
  private DebianRegistry upstream;
  private DebianRegistry other;
  private CisternServer server;

  enum Client {
    PODMAN,
    SKOPEO
  }

  @BeforeAll
  void start(@TempDir Path temporary) throws IOException {
    Clients.need("podman", "skopeo", "docker-registry");
    Clients.needRoot();
    directory = temporary;
    image = SampleImage.write(directory.resolve("layout"));
    skopeo = new Skopeo(directory);
    podman = new Podman(directory.resolve("podman"));
    source = Listener.start();
    never = Listener.start();
    upstream = DebianRegistry.start(directory.resolve("upstream"));
    other = DebianRegistry.start(directory.resolve("other"));
    String self = Listener.freeHost();
    Path objects = Files.writeString(directory.resolve("objects.yaml"), objects(self));
    String configuration =
        """
        names: ["%s"]
        resources: [%s]
        upstreams:
          - {registry: "%s", name: source.example, endpoint: "http://%s", insecure: true}
          - {registry: "%s", name: other.example, endpoint: "http://%s", insecure: true}
        """
            .formatted(self, objects, source.host(), upstream.host(), other.host(), other.host());
    Path file = Files.writeString(directory.resolve("cistern.yaml"), configuration);
    server =
        CisternServer.start(
            directory.resolve("data"), "--config", file.toString(), "--listen", self);
    String insecure = self + "," + other.host();
    String toml =
        Command.cistern("render", "registries-conf", "--insecure", insecure, objects.toString())
            .run();
    registries = Files.writeString(directory.resolve("registries.conf"), toml);
    podman.registries(toml);
  }

  private String objects(String self) {
    return """
    apiVersion: config.openshift.io/v1
    kind: ImageDigestMirrorSet
    metadata: {name: digests}
    spec:
      imageDigestMirrors:
        - {source: "%1$s/digests", mirrors: ["%2$s/digests"]}
        - {source: "%1$s/second", mirrors: ["%3$s/second", "%2$s/second"]}
        - {source: "%1$s/first", mirrors: ["%2$s/first", "%3$s/first"]}
        - source: "%4$s/team"
          mirrors: ["%2$s/kept"]
          mirrorSourcePolicy: NeverContactSource
    ---
    apiVersion: config.openshift.io/v1
    kind: ImageTagMirrorSet
    metadata: {name: tags}
    spec:
      imageTagMirrors:
        - {source: "%1$s/tags", mirrors: ["%2$s/tags"]}
        - source: "%4$s/tagged"
          mirrors: ["%2$s/kept-tags"]
          mirrorSourcePolicy: NeverContactSource
    """
        .formatted(source.host(), self, other.host(), never.host());
  }

  @AfterAll
  void stop() throws Exception {
    for (AutoCloseable each :
        new AutoCloseable[] {podman, server, upstream, other, source, never}) {
      if (each != null) {
        each.close();
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void byAnIdmsADigestComesThroughTheMirrorAndTheSourceSeesNobody(Client client) {
    fill(upstream, "digests/app");
    int before = source.connections();

    pull(client, source.host() + "/digests/app@" + image.index()).run();

    assertThat(source.connections()).isEqualTo(before);
    assertIsServed("digests/app", image.index());
  }

  @ParameterizedTest
  @EnumSource
  void byAnIdmsATagIsTheSourcesAlone(Client client) {
    fill(upstream, "digests/tagged");
    int before = source.connections();

    String errors = pull(client, source.host() + "/digests/tagged:v1").fail();

    assertThat(errors).contains(source.host()).doesNotContain(server.host());
    assertThat(source.connections()).isGreaterThan(before);
    assertThat(lines("digests/tagged", "v1")).isEmpty();
  }

  @ParameterizedTest
  @EnumSource
  void byAnItmsATagComesThroughTheMirror(Client client) {
    fill(upstream, "tags/app");
    int before = source.connections();

    pull(client, source.host() + "/tags/app:v1").run();

    assertThat(source.connections()).isEqualTo(before);
    assertIsServed("tags/app", "v1");
  }

  @ParameterizedTest
  @EnumSource
  void byAnItmsADigestIsTheSourcesAlone(Client client) {
    fill(upstream, "tags/by-digest");

    String errors = pull(client, source.host() + "/tags/by-digest@" + image.index()).fail();

    assertThat(errors).contains(source.host()).doesNotContain(server.host());
    assertThat(lines("tags/by-digest", image.index())).isEmpty();
  }

  @ParameterizedTest
  @EnumSource
  void aMirrorIsAskedWhenTheOneBeforeItDoesNotHaveIt(Client client) {
    String repository = "second/" + client.name().toLowerCase(Locale.ROOT);
    fill(upstream, repository);
    int before = source.connections();

    pull(client, source.host() + "/" + repository + "@" + image.index()).run();

    assertThat(requestsOfClients(other, repository)).isNotEmpty();
    assertThat(source.connections()).isEqualTo(before);
    assertIsServed(repository, image.index());
  }

  @ParameterizedTest
  @EnumSource
  void aMirrorIsNotAskedWhenTheOneBeforeItHasIt(Client client) {
    String repository = "first/app";
    fill(upstream, repository);
    fill(other, repository);
    int before = requestsOfClients(other, repository).size();

    pull(client, source.host() + "/" + repository + "@" + image.index()).run();

    assertThat(requestsOfClients(other, repository)).hasSize(before);
    assertIsServed(repository, image.index());
  }

  @ParameterizedTest
  @EnumSource
  void underNeverContactSourceTheSourceSeesNobody(Client client) {
    fill(server.host(), "kept/app");
    fill(server.host(), "kept-tags/app");
    String digests = never.host() + "/team/app";
    String tags = never.host() + "/tagged/app";

    pull(client, digests + "@" + image.index()).run();
    pull(client, tags + ":v1").run();

    assertThat(pull(client, digests + "@" + UNKNOWN).fail()).contains("is blocked");
    assertThat(pull(client, digests + ":v1").fail()).contains("is blocked");
    assertThat(pull(client, tags + ":unknown").fail()).contains("is blocked");
    assertThat(pull(client, tags + "@" + image.index()).fail()).contains("is blocked");
    assertThat(never.connections()).isZero();
  }

  private Command pull(Client client, String reference) {
    String layout = "oci:" + directory.resolve("pulled-by-skopeo");
    return switch (client) {
      case PODMAN -> podman.podman("pull", "-q", reference);
      case SKOPEO -> skopeo.by(registries, "copy", "--all", "docker://" + reference, layout);
    };
  }

  private void fill(DebianRegistry registry, String repository) {
    fill(registry.host(), repository);
  }

  private void fill(String host, String repository) {
    skopeo.copyAll(image.reference(), "docker://" + host + "/" + repository + ":v1");
  }

  private void assertIsServed(String repository, String reference) {
    await()
        .untilAsserted(() ->
            assertThat(lines(repository, reference))
                .anyMatch(line -> line.contains("status=\"200\"")));
  }

  private List<String> lines(String repository, String reference) {
    return server.log().stream()
        .filter(line -> line.contains("repository=\"" + repository + "\""))
        .filter(line -> line.contains("reference=\"" + reference + "\""))
        .toList();
  }

  /** The server asks, too: for its fills it knows the same mirrors. */
  private static List<String> requestsOfClients(DebianRegistry registry, String repository) {
    return registry.requests().stream()
        .filter(line -> line.contains("GET /v2/" + repository + "/manifests/"))
        .filter(line -> line.contains("containers/") || line.contains("skopeo/"))
        .toList();
  }
}
