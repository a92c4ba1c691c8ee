package dev.cistern.conformance.clients;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.conformance.CisternServer;
import dev.cistern.conformance.TestIdentity;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Clients over https, with an authority that they trust for this server only. */
class TlsClientsTest {
  private Path directory;
  private Path trusted;
  private SampleImage image;
  private Skopeo skopeo;
  private CisternServer server;

  @BeforeEach
  void start(@TempDir Path temporary) throws IOException {
    Clients.need("skopeo");
    directory = temporary;
    TestIdentity identity = TestIdentity.make(directory);
    trusted = Files.createDirectories(directory.resolve("trusted"));
    Files.copy(identity.caFile(), trusted.resolve("ca.crt"));
    Path file =
        Files.writeString(
            directory.resolve("cistern.yaml"),
            """
            tls:
              certificate: %s
              key: %s
            """
                .formatted(identity.caFile(), identity.keyFile()));
    image = SampleImage.write(directory.resolve("layout"));
    skopeo = new Skopeo(directory);
    server = CisternServer.start(directory.resolve("data"), "--config", file.toString());
    skopeo
        .skopeo("copy", "--all", "--preserve-digests", "--dest-cert-dir", trusted.toString())
        .and(image.reference(), at("team/app:v1"))
        .run();
  }

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
      assertThat(server.complaints()).isEmpty();
    }
  }

  @Test
  void skopeoPushesAndPulls() {
    OciLayout back = OciLayout.create(directory.resolve("back"));

    skopeo
        .skopeo("copy", "--all", "--preserve-digests", "--src-cert-dir", trusted.toString())
        .and(at("team/app:v1"), back.reference("v1"))
        .run();

    assertThat(back.digest("v1")).isEqualTo(image.index());
    assertThat(back.contents()).isEqualTo(image.contents());
  }

  @Test
  void whoDoesNotTrustTheAuthorityGetsNothing() {
    assertThat(skopeo.skopeo("inspect", at("team/app:v1")).fail()).contains("certificate");
  }

  @Test
  void podmanPullsAndPushes() {
    Clients.need("podman");
    Clients.needRoot();
    String reference = server.host() + "/team/app:v1";
    String copy = server.host() + "/other/copy:v2";
    try (var podman = new Podman(directory.resolve("podman"))) {
      podman.podman("pull", "-q", "--cert-dir", trusted.toString(), reference).run();
      podman.podman("push", "-q", "--cert-dir", trusted.toString(), reference, copy).run();
    }

    byte[] manifest =
        skopeo
            .skopeo("inspect", "--raw", "--cert-dir", trusted.toString(), at("other/copy:v2"))
            .succeed()
            .bytes();
    assertThat(OciLayout.digest(manifest)).isEqualTo(image.amd64());
  }

  @Test
  void containerdPullsAndPushes() throws IOException {
    Clients.need("containerd", "ctr", "runc");
    Clients.needRoot();
    String reference = server.host() + "/team/app:v1";
    String copy = server.host() + "/by/containerd:v1";
    try (Containerd containerd = Containerd.start(directory.resolve("containerd"))) {
      Path hosts = Files.createDirectories(containerd.hosts().resolve(server.host()));
      Files.writeString(
          hosts.resolve("hosts.toml"),
          """
          server = "https://%1$s"
          [host."https://%1$s"]
            capabilities = ["pull", "resolve", "push"]
            ca = "%2$s"
          """
              .formatted(server.host(), trusted.resolve("ca.crt")));
      containerd.pull("--all-platforms", reference).run();
      assertThat(containerd.digest(reference)).isEqualTo(image.index());
      containerd.ctr("images", "tag", reference, copy).run();
      containerd.ctr("images", "push", "--hosts-dir", containerd.hosts().toString(), copy).run();
    }

    byte[] manifest =
        skopeo
            .skopeo("inspect", "--raw", "--cert-dir", trusted.toString(), at("by/containerd:v1"))
            .succeed()
            .bytes();
    assertThat(OciLayout.digest(manifest)).isEqualTo(image.index());
  }

  private String at(String reference) {
    return "docker://" + server.host() + "/" + reference;
  }
}
