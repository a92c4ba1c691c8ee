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

/** containerd as a Kubernetes node has it: hosts.toml sends it to the mirror with {@code ?ns=}. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ContainerdTest {
  private static final String REGISTRY = "registry.example.com";

  private SampleImage image;
  private Skopeo skopeo;
  private DebianRegistry upstream;
  private CisternServer server;
  private Containerd containerd;

  @BeforeAll
  void start(@TempDir Path directory) throws IOException {
    Clients.need("containerd", "ctr", "runc", "docker-registry", "skopeo");
    Clients.needRoot();
    image = SampleImage.write(directory.resolve("layout"));
    skopeo = new Skopeo(directory);
    upstream = DebianRegistry.start(directory.resolve("upstream"));
    String configuration =
        """
        upstreams:
          - registry: %1$s
            name: %1$s
            endpoint: http://%2$s
            insecure: true
        """
            .formatted(REGISTRY, upstream.host());
    Path file = Files.writeString(directory.resolve("cistern.yaml"), configuration);
    server = CisternServer.start(directory.resolve("data"), "--config", file.toString());
    containerd = Containerd.start(directory.resolve("containerd"));
    containerd.mirror(REGISTRY, server.host());
  }

  @AfterAll
  void stop() {
    if (containerd != null) {
      containerd.close();
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
  void aContainerRunsFromAnImageThatCameThroughTheMirror() {
    Clients.need("busybox");
    String reference = REGISTRY + "/run/app:v1";
    skopeo.copyAll(image.reference(), "docker://" + upstream.host() + "/run/app:v1");

    containerd.pull(reference).run();

    assertThat(containerd.digest(reference)).isEqualTo(image.index());
    assertThat(
            containerd
                .ctr("run", "--rm", "--snapshotter", "native", reference, "hello-" + server.port())
                .run())
        .isEqualTo(SampleImage.GREETING);
    assertThat(upstream.requests()).anyMatch(line -> line.contains("/v2/run/app/manifests/"));
  }

  @Test
  void everyPlatformComesThroughTheMirror() {
    String reference = REGISTRY + "/all/app:v1";
    skopeo.copyAll(image.reference(), "docker://" + upstream.host() + "/all/app:v1");

    containerd.pull("--all-platforms", reference).run();

    String contents = containerd.ctr("content", "ls", "-q").run();
    assertThat(contents.lines()).containsAll(image.contents());
  }

  @Test
  void aDigestComesThroughTheMirror() {
    String reference = REGISTRY + "/digest/app@" + image.index();
    skopeo.copyAll(image.reference(), "docker://" + upstream.host() + "/digest/app:v1");

    containerd.pull(reference).run();

    assertThat(containerd.digest(reference)).isEqualTo(image.index());
  }

  @Test
  void whatTheUpstreamDoesNotHaveIsNotFound() {
    assertThat(containerd.pull(REGISTRY + "/never/seen:v1").fail()).contains("not found");
  }

  @Test
  void anImageIsPushed() {
    String from = REGISTRY + "/pushed/app:v1";
    String to = server.host() + "/by/containerd:v1";
    skopeo.copyAll(image.reference(), "docker://" + upstream.host() + "/pushed/app:v1");
    containerd.pull("--all-platforms", from).run();
    containerd.ctr("images", "tag", from, to).run();

    containerd.ctr("images", "push", "--plain-http", to).run();

    assertThat(OciLayout.digest(skopeo.manifest("docker://" + to))).isEqualTo(image.index());
  }
}
