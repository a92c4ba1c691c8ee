package dev.cistern.conformance.clients;

import static dev.cistern.conformance.Accounts.ALICE;
import static dev.cistern.conformance.Accounts.BOB;
import static dev.cistern.conformance.Accounts.CAROL;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.conformance.Accounts;
import dev.cistern.conformance.CisternServer;
import dev.cistern.conformance.TestIdentity;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Clients who log in over https, with an authority that they trust for this server only: bob may
 * pull, carol may push too.
 */
class TlsClientsTest {
  private static final String APP = "team/app:v1";
  private static final String DENIED = "bob may not push in namespace team";

  private Path directory;
  private Path trusted;
  private TestIdentity identity;
  private SampleImage image;
  private Skopeo skopeo;
  private CisternServer server;

  @BeforeEach
  void start(@TempDir Path temporary) throws IOException {
    Clients.need("skopeo");
    directory = temporary;
    identity = TestIdentity.make(directory, "ca", Network.ADDRESS);
    trusted = Files.createDirectories(directory.resolve("trusted"));
    Files.copy(identity.caFile(), trusted.resolve("ca.crt"));
    image = SampleImage.write(directory.resolve("layout"));
    skopeo = new Skopeo(directory);
    server = serve(List.of(), "127.0.0.1");
    skopeo("copy", "--all", "--preserve-digests", "--dest-cert-dir", trusted.toString())
        .and("--dest-creds", credentials(ALICE), image.reference(), at(APP))
        .run();
  }

  private CisternServer serve(List<String> by, String address) throws IOException {
    Path users =
        Files.writeString(directory.resolve("users"), ALICE.line() + BOB.line() + CAROL.line());
    Path bindings =
        Files.writeString(
            directory.resolve("bindings.yaml"),
            binding("", "cluster-admin", ALICE)
                + binding("team", "system:image-puller", BOB)
                + binding("team", "system:image-pusher", CAROL));
    Path file =
        Files.writeString(
            directory.resolve("cistern.yaml"),
            """
            tls: {certificate: %s, key: %s}
            access: {users: %s}
            resources: [%s]
            """
                .formatted(identity.caFile(), identity.keyFile(), users, bindings));
    return CisternServer.startBy(
        by, directory.resolve("data"), "--config", file.toString(), "--listen", address + ":0");
  }

  private static String binding(String namespace, String role, Accounts account) {
    return """
    ---
    apiVersion: rbac.authorization.k8s.io/v1
    kind: %s
    metadata: {name: %s, namespace: "%s"}
    roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "%s"}
    subjects: [{kind: User, name: %2$s}]
    """
        .formatted(
            namespace.isEmpty() ? "ClusterRoleBinding" : "RoleBinding",
            account.user(),
            namespace,
            role);
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
    Command pull =
        skopeo("copy", "--all", "--preserve-digests", "--src-cert-dir", trusted.toString());
    pull.and("--src-creds", credentials(BOB), at(APP), back.reference("v1")).run();

    assertThat(back.digest("v1")).isEqualTo(image.index());
    assertThat(back.contents()).isEqualTo(image.contents());
    assertThat(pull.and("--src-creds", "bob:wrong", at(APP), back.reference("v2")).fail())
        .contains("user or password is wrong");
    assertThat(
            skopeo("copy", "--all", "--dest-cert-dir", trusted.toString())
                .and("--dest-creds", credentials(BOB), image.reference(), at("team/app:v2"))
                .fail())
        .contains(DENIED);
  }

  @Test
  void whoDoesNotTrustTheAuthorityGetsNothing() {
    assertThat(skopeo("inspect", "--creds", credentials(BOB), at(APP)).fail())
        .contains("certificate");
  }

  @Test
  void podmanLogsInPullsAndPushes() {
    Clients.need("podman");
    Clients.needRoot();
    String reference = server.host() + "/" + APP;
    String copy = server.host() + "/team/copy:v2";
    try (var podman = new Podman(directory.resolve("podman"))) {
      login(podman, BOB);
      podman.podman("pull", "-q", "--cert-dir", trusted.toString(), reference).run();
      Command push = podman.podman("push", "-q", "--cert-dir", trusted.toString(), reference, copy);
      assertThat(push.fail()).contains(DENIED);
      login(podman, CAROL);
      push.run();
    }

    assertThat(OciLayout.digest(manifest("team/copy:v2"))).isEqualTo(image.amd64());
  }

  private void login(Podman podman, Accounts account) {
    podman
        .podman("login", "--cert-dir", trusted.toString(), "-u", account.user())
        .and("-p", account.password(), server.host())
        .run();
  }

  @Test
  void containerdPullsAndPushes() throws IOException {
    Clients.need("containerd", "ctr", "runc");
    Clients.needRoot();
    String reference = server.host() + "/" + APP;
    String copy = server.host() + "/team/by-containerd:v1";
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
      containerd.pull("--all-platforms", "--user", credentials(BOB), reference).run();
      assertThat(containerd.digest(reference)).isEqualTo(image.index());
      containerd.ctr("images", "tag", reference, copy).run();
      assertThat(push(containerd, BOB, copy).fail()).contains("403 Forbidden");
      push(containerd, CAROL, copy).run();
    }

    assertThat(OciLayout.digest(manifest("team/by-containerd:v1"))).isEqualTo(image.index());
  }

  private static Command push(Containerd containerd, Accounts account, String reference) {
    return containerd.ctr(
        "images",
        "push",
        "--hosts-dir",
        containerd.hosts().toString(),
        "--user",
        credentials(account),
        reference);
  }

  /** On an address that docker does not take for loopback, where it would not check anything. */
  @Test
  void dockerLogsInPullsAndPushes() throws IOException {
    Clients.need("docker", "dockerd", "containerd", "runc", "ip", "nsenter");
    Clients.needRoot();
    server.close();
    try (Network network = Network.make();
        CisternServer served = serve(network.prefix(), Network.ADDRESS)) {
      String host = Network.ADDRESS + ":" + served.port();
      String reference = host + "/" + APP;
      try (DockerDaemon stranger =
          DockerDaemon.start(directory.resolve("stranger"), network, Path.of("/dev/null"))) {
        assertThat(stranger.docker("pull", reference).fail()).contains("certificate");
      }
      try (DockerDaemon docker =
          DockerDaemon.start(directory.resolve("docker"), network, identity.caFile())) {
        login(docker, BOB, host);
        assertThat(docker.pull(reference)).isEqualTo(image.index());
        docker.docker("tag", reference, host + "/team/by-docker:v1").run();
        Command push = docker.docker("push", host + "/team/by-docker:v1");
        assertThat(push.fail()).contains(DENIED);
        login(docker, CAROL, host);
        push.run();
      }
      assertThat(served.complaints()).isEmpty();
    }
  }

  private static void login(DockerDaemon docker, Accounts account, String host) {
    docker.docker("login", "-u", account.user(), "-p", account.password(), host).run();
  }

  private Command skopeo(String... words) {
    return skopeo.skopeo(words);
  }

  private byte[] manifest(String name) {
    return skopeo("inspect", "--raw", "--cert-dir", trusted.toString())
        .and("--creds", credentials(ALICE), at(name))
        .succeed()
        .bytes();
  }

  private String at(String reference) {
    return "docker://" + server.host() + "/" + reference;
  }

  private static String credentials(Accounts account) {
    return account.user() + ":" + account.password();
  }
}
