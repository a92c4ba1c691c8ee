package dev.cistern.conformance.clients;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.conformance.CisternServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * containerd with the hosts.toml files that {@code cistern render} makes of the objects that the
 * server goes by too, byte for byte: the files say https, which nginx speaks before the server. The
 * sources' hosts are listeners that serve nobody.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class MirrorSetContainerdTest {
  private static final String UNKNOWN = "sha256:" + "0".repeat(64);

  private SampleImage image;
  private Skopeo skopeo;
  private Listener digests;
  private Listener tags;
  private Listener one;
  private Listener two;
  private Listener never;
  private DebianRegistry upstream;
  private DebianRegistry other;
  private CisternServer server;
  private Nginx tls;
  private Containerd containerd;

  @BeforeAll
  void start(@TempDir Path directory) throws IOException {
    Clients.need(
        "containerd", "ctr", "runc", "docker-registry", "skopeo", "nginx", "openssl", "curl");
    Clients.needRoot();
    image = SampleImage.write(directory.resolve("layout"));
    skopeo = new Skopeo(directory);
    digests = Listener.start();
    tags = Listener.start();
    one = Listener.start();
    two = Listener.start();
    never = Listener.start();
    upstream = DebianRegistry.start(directory.resolve("upstream"));
    other = DebianRegistry.start(directory.resolve("other"));
    String self = Listener.freeHost();
    Path objects = Files.writeString(directory.resolve("objects.yaml"), objects(self));
    String configuration =
        """
        names: ["%1$s"]
        resources: [%2$s]
        upstreams:
          - {registry: "%5$s", name: digests.example, endpoint: "%3$s", insecure: true}
          - {registry: "%6$s", name: tags.example, endpoint: "%3$s", insecure: true}
          - {registry: "%7$s", name: one.example, endpoint: "%3$s", insecure: true}
          - {registry: "%8$s", name: two.example, endpoint: "%4$s", insecure: true}
        """
            .formatted(
                self,
                objects,
                upstream.endpoint(),
                other.endpoint(),
                digests.host(),
                tags.host(),
                one.host(),
                two.host());
    Path file = Files.writeString(directory.resolve("cistern.yaml"), configuration);
    server = CisternServer.start(directory.resolve("data"), "--config", file.toString());
    Certificate certificate = Certificate.make(directory.resolve("certificate"));
    tls = Nginx.start(directory.resolve("nginx"), self, server.host(), certificate);
    containerd = Containerd.startNode(directory.resolve("containerd"), certificate.file());
    Command.cistern(
            "render", "hosts-toml", objects.toString(), "--out", containerd.hosts().toString())
        .run();
  }

  private String objects(String self) {
    return """
    apiVersion: config.openshift.io/v1
    kind: ImageDigestMirrorSet
    metadata: {name: digests}
    spec:
      imageDigestMirrors:
        - {source: "%2$s/team", mirrors: ["%1$s/copies/team"]}
        - source: "%6$s/team"
          mirrors: ["%1$s/kept/team"]
          mirrorSourcePolicy: NeverContactSource
    ---
    apiVersion: config.openshift.io/v1
    kind: ImageTagMirrorSet
    metadata: {name: tags}
    spec:
      imageTagMirrors:
        - {source: "%3$s/team", mirrors: ["%1$s/tags/team"]}
        - {source: "%4$s", mirrors: ["%1$s"]}
        - {source: "%5$s", mirrors: ["%1$s"]}
    """
        .formatted(self, digests.host(), tags.host(), one.host(), two.host(), never.host());
  }

  @AfterAll
  void stop() throws Exception {
    for (AutoCloseable each :
        new AutoCloseable[] {
          containerd, tls, server, upstream, other, digests, tags, one, two, never
        }) {
      if (each != null) {
        each.close();
      }
    }
  }

  @Test
  void byAnIdmsADigestComesThroughTheMirrorAndTheSourceSeesNobody() {
    fill(upstream.host(), "team/app");
    String reference = digests.host() + "/team/app@" + image.index();
    int before = digests.connections();

    containerd.pull("--all-platforms", reference).run();

    assertThat(containerd.digest(reference)).isEqualTo(image.index());
    assertThat(digests.connections()).isEqualTo(before);
  }

  @Test
  void byAnIdmsATagIsNotResolvedThroughTheMirror() {
    fill(upstream.host(), "team/tagged");
    fill(server.host(), "copies/team/tagged");
    int before = digests.connections();

    containerd.pull(digests.host() + "/team/tagged:v1").fail();

    assertThat(digests.connections()).isGreaterThan(before);
    // That a later request is in the log shows that an earlier one would be.
    containerd.pull(digests.host() + "/team/tagged@" + image.index()).run();
    await().until(() -> !asked("team/tagged", image.index()).isEmpty());
    assertThat(asked("team/tagged", "v1")).isEmpty();
  }

  @Test
  void byAnItmsATagComesThroughTheMirror() {
    fill(upstream.host(), "team/latest");
    String reference = tags.host() + "/team/latest:v1";

    containerd.pull("--all-platforms", reference).run();

    assertThat(containerd.digest(reference)).isEqualTo(image.index());
    assertThat(tags.connections()).isZero();
  }

  /** Both hosts have the whole server as their mirror: only {@code ?ns=} says whose tag it is. */
  @Test
  void theSourceIsTheOneThatNsNames() {
    fill(upstream.host(), "ns/app");
    skopeo
        .copy(
            "--preserve-digests",
            image.reference(),
            "docker://" + other.host() + "/ns/app:v1",
            "--override-arch=amd64")
        .run();
    String ofOne = one.host() + "/ns/app:v1";
    String ofTwo = two.host() + "/ns/app:v1";

    containerd.pull(ofOne).run();
    containerd.pull(ofTwo).run();

    assertThat(containerd.digest(ofOne)).isEqualTo(image.index());
    assertThat(containerd.digest(ofTwo)).isEqualTo(image.amd64());
    assertThat(one.connections() + two.connections()).isZero();
  }

  /** {@code config_path} names the same directory: so does a node's kubelet pull. */
  @Test
  void theCriGoesByTheSameFiles() {
    fill(upstream.host(), "team/cri");
    String byDigest = digests.host() + "/team/cri@" + image.index();
    String byTag = tags.host() + "/team/cri:v1";
    int before = digests.connections();

    assertThat(containerd.cri().pull(byDigest)).isEqualTo(new Cri.Ended(0, ""));
    assertThat(containerd.cri().pull(byTag)).isEqualTo(new Cri.Ended(0, ""));

    assertThat(containerd.digestOfCri(byDigest)).isEqualTo(image.index());
    assertThat(containerd.digestOfCri(byTag)).isEqualTo(image.index());
    assertThat(digests.connections()).isEqualTo(before);
    assertThat(tags.connections()).isZero();
    assertThat(containerd.cri().pull(never.host() + "/team/cri:never").message())
        .contains("not found");
    assertThat(never.connections()).isZero();
  }

  @Test
  void underNeverContactSourceTheSourceSeesNobody() {
    fill(server.host(), "kept/team/app");
    String reference = never.host() + "/team/app@" + image.index();

    containerd.pull(reference).run();

    assertThat(containerd.digest(reference)).isEqualTo(image.index());
    assertThat(containerd.pull(never.host() + "/team/app@" + UNKNOWN).fail()).contains("not found");
    assertThat(containerd.pull(never.host() + "/team/app:never").fail()).contains("not found");
    assertThat(never.connections()).isZero();
  }

  @Test
  void namesThatDoNotMatchAndTagsThatWidenAreWarnedOf(@TempDir Path directory) throws IOException {
    Path objects =
        Files.writeString(
            directory.resolve("objects.yaml"),
            """
            apiVersion: config.openshift.io/v1
            kind: ImageTagMirrorSet
            metadata: {name: tags}
            spec:
              imageTagMirrors:
                - {source: quay.io/remote-org/image, mirrors: [quay.io/my-org/image]}
            """);

    String said =
        Command.cistern(
                "render",
                "hosts-toml",
                objects.toString(),
                "--out",
                directory.resolve("hosts").toString())
            .run();

    assertThat(said.lines())
        .hasSize(3)
        .anySatisfy(line ->
            assertThat(line)
                .startsWith("warning: ImageTagMirrorSet, source \"quay.io/remote-org/image\"")
                .contains("is not found by containerd")
                .contains("Namespace and last component of mirror and source must match"))
        .anySatisfy(line ->
            assertThat(line)
                .startsWith("warning: ImageTagMirrorSet, source \"quay.io/remote-org/image\"")
                .contains("the tags of all repositories of quay.io/remote-org")
                .contains(
                    "imageDigestMirrors: [{source: quay.io/remote-org/image, mirrors:"
                        + " [quay.io/my-org/image]}]"));
    assertThat(Files.readString(directory.resolve("hosts/quay.io/hosts.toml")))
        .contains("[host.\"https://quay.io/v2/my-org\"]");
  }

  private void fill(String host, String repository) {
    skopeo.copyAll(image.reference(), "docker://" + host + "/" + repository + ":v1");
  }

  /** Returns what was asked of the server, whatever stood before the repository. */
  private List<String> asked(String repository, String reference) {
    return server.log().stream()
        .filter(line -> line.contains("method=\"GET\"") || line.contains("method=\"HEAD\""))
        .filter(line -> line.contains(repository + "\""))
        .filter(line -> line.contains("reference=\"" + reference + "\""))
        .toList();
  }
}
