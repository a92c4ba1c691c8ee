package dev.cistern.conformance.clients;

import static dev.cistern.conformance.Accounts.ALICE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.cistern.conformance.CisternServer;
import dev.cistern.conformance.TestIdentity;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What needs the real {@code oc}, TLS and a token: pruning, and logging in with what the client
 * has. Without an {@code oc} {@code PruneTest} makes the requests of its pruner.
 */
class OcPruneTest {
  private static final String TOKEN_OF = "system:serviceaccount:default:pruner";

  private Path directory;
  private TestIdentity identity;
  private SampleImage image;
  private DebianRegistry upstream;
  private CisternServer server;
  private RealOc oc;

  @BeforeEach
  void start(@TempDir Path temporary) throws IOException {
    Optional<Path> program = Oc.program();
    if (program.isEmpty()) {
      System.out.println("[SKIPPED] no oc on this machine (CISTERN_OC names one)");
    }
    assumeTrue(program.isPresent(), "no oc on this machine (CISTERN_OC names one)");
    Clients.need("docker-registry", "skopeo");
    directory = temporary;
    identity = TestIdentity.make(directory, "ca", "127.0.0.1");
    image = SampleImage.write(directory.resolve("layout"));
    upstream = DebianRegistry.start(directory.resolve("upstream"));
    new Skopeo(directory)
        .copyAll(image.reference(), "docker://" + upstream.host() + "/proj/app:v1");
    Path users = Files.writeString(directory.resolve("users"), ALICE.line());
    Path objects =
        Files.writeString(
            directory.resolve("admins.yaml"),
            """
            apiVersion: rbac.authorization.k8s.io/v1
            kind: ClusterRoleBinding
            metadata: {name: administrators}
            roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
            subjects:
            - {kind: User, name: alice}
            - {kind: ServiceAccount, namespace: default, name: pruner}
            """);
    Path config =
        Files.writeString(
            directory.resolve("cistern.yaml"),
            """
            upstreams: [{registry: "%s", name: up, endpoint: %s, insecure: true}]
            tls: {certificate: %s, key: %s}
            access: {users: %s, anonymous: none}
            resources: [%s]
            storage: {gcGrace: 0s}
            prune: {keepYoungerThan: 0s}
            """
                .formatted(
                    upstream.host(),
                    upstream.endpoint(),
                    identity.caFile(),
                    identity.keyFile(),
                    users,
                    objects));
    server = CisternServer.start(directory.resolve("data"), "--config", config.toString());
    Path home = Files.createDirectory(directory.resolve("oc"));
    oc =
        new RealOc(
            program.get(),
            home,
            "server: \"https://%s\", certificate-authority: %s"
                .formatted(server.host(), identity.caFile()),
            "{token: " + token() + "}");
  }

  private String token() {
    String logins = directory.resolve("logins.json").toString();
    Command.cistern("registry", "login", "--registry", server.host())
        .and("--auth-basic", "alice:" + ALICE.password(), "--to", logins)
        .run();
    return Command.cistern("create", "token", "pruner", "-n", "default")
        .and("--server", "https://" + server.host(), "--ca-file", identity.caFile().toString())
        .and("--authfile", logins)
        .run();
  }

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
    if (upstream != null) {
      upstream.close();
    }
  }

  private String run(String... words) {
    return oc.command(words).run();
  }

  @Test
  void whatNobodyUsesIsPruned() {
    assertThat(run("whoami")).isEqualTo(TOKEN_OF);
    String from = "--from=" + upstream.host() + "/proj/app:v1";
    run(
        "import-image",
        "app:v1",
        from,
        "--import-mode=PreserveOriginal",
        "--reference-policy=local",
        "--confirm");
    run("tag", "-d", "app:v1");
    String[] prune = {
      "adm",
      "prune",
      "images",
      "--keep-younger-than=0",
      "--certificate-authority=" + identity.caFile()
    };

    Command.Ended trial = oc.command(prune).succeed();
    assertThat(trial.errors() + trial.text())
        .contains(
            "Dry run enabled - no modifications will be made. Add --confirm to remove images");
    assertThat(run("get", "images", "-o", "name")).contains(image.index());

    assertThat(oc.command(prune).and("--confirm").run())
        .contains("Deleting image " + image.index(), "Summary: deleted 3 image object(s)");
    assertThat(run("get", "images", "-o", "name")).isEmpty();
  }

  @Test
  void theClientsLoginIsTheRegistrys() {
    Path logins = directory.resolve("registry.json");
    run("registry", "login", "--registry=" + server.host(), "--to=" + logins, "--insecure=true");

    assertThat(
            new Skopeo(directory)
                .skopeo("copy", "--all", "--dest-tls-verify=false", "--dest-authfile")
                .and(logins.toString(), image.reference())
                .and("docker://" + server.host() + "/team/app:v1")
                .end()
                .status())
        .isZero();
    assertThat(run("get", "is", "-n", "team", "-o", "name"))
        .isEqualTo("imagestream.image.openshift.io/app");
  }
}
