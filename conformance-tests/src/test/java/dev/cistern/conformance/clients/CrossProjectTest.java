package dev.cistern.conformance.clients;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.conformance.Accounts;
import dev.cistern.conformance.CisternServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Pods of one project pull images of another, as OpenShift's documentation has it set up. */
class CrossProjectTest {
  private static final String ACCOUNT = "system:serviceaccount:project-a:default";
  private static final String GROUP = "system:serviceaccounts:project-a";
  private static final String PULLER = "system:image-puller";

  private Path directory;
  private SampleImage image;
  private Podman podman;
  private CisternServer server;

  @BeforeEach
  void start(@TempDir Path temporary) throws IOException {
    Clients.need("podman", "skopeo");
    Clients.needRoot();
    directory = temporary;
    image = SampleImage.write(directory.resolve("layout"));
    podman = new Podman(directory.resolve("podman"));
    Path objects = Files.createDirectory(directory.resolve("objects"));
    Files.writeString(
        objects.resolve("admin.yaml"),
        """
        apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRoleBinding
        metadata: {name: administrators}
        roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
        subjects: [{kind: User, name: alice}]
        """);
    Path users = Files.writeString(directory.resolve("users"), Accounts.ALICE.line());
    Path config =
        Files.writeString(
            directory.resolve("cistern.yaml"),
            "resources: [" + objects + "]\naccess: {users: " + users + ", anonymous: none}\n");
    server = CisternServer.start(directory.resolve("data"), "--config", config.toString());
    Command.cistern("registry", "login", "--registry", server.host())
        .and("--auth-basic", "alice:" + Accounts.ALICE.password(), "--to", logins())
        .run();
    new Skopeo(directory)
        .copy("--all", "--dest-authfile", logins())
        .and(image.reference(), "docker://" + server.host() + "/project-b/app:v1")
        .run();
  }

  @AfterEach
  void stop() {
    if (podman != null) {
      podman.close();
    }
    if (server != null) {
      server.close();
    }
  }

  @Test
  void aServiceAccountPullsFromAnotherProjectWhileItIsBound() throws IOException {
    Path secret = secret("project-a");
    assertRefused(secret);

    assertThat(policy("add-role-to-user", PULLER, ACCOUNT, "--namespace=project-b"))
        .isEqualTo(
            "clusterrole.rbac.authorization.k8s.io/system:image-puller added:"
                + " \"system:serviceaccount:project-a:default\"");
    assertThat(pull(secret).run()).isNotEmpty();
    assertRefused(secret("project-c"));

    assertThat(policy("remove-role-from-user", PULLER, ACCOUNT, "--namespace=project-b"))
        .isEqualTo(
            "clusterrole.rbac.authorization.k8s.io/system:image-puller removed:"
                + " \"system:serviceaccount:project-a:default\"");
    assertRefused(secret);
  }

  @Test
  void allServiceAccountsOfAProjectPullFromAnotherWhileTheyAreBound() throws IOException {
    Path secret = secret("project-a");
    assertRefused(secret);

    assertThat(policy("add-role-to-group", PULLER, GROUP, "--namespace=project-b"))
        .isEqualTo(
            "clusterrole.rbac.authorization.k8s.io/system:image-puller added:"
                + " \"system:serviceaccounts:project-a\"");
    assertThat(pull(secret).run()).isNotEmpty();
    assertRefused(secret("project-c"));

    assertThat(policy("remove-role-from-group", PULLER, GROUP, "--namespace=project-b"))
        .isEqualTo(
            "clusterrole.rbac.authorization.k8s.io/system:image-puller removed:"
                + " \"system:serviceaccounts:project-a\"");
    assertRefused(secret);
  }

  @Test
  void aServiceAccountPullsFromItsOwnProject() throws IOException {
    assertThat(pull(secret("project-b")).run()).isNotEmpty();
  }

  private void assertRefused(Path secret) {
    assertThat(pull(secret).fail()).contains("may not pull in namespace project-b");
  }

  private Command pull(Path secret) {
    return podman
        .podman("pull", "-q", "--tls-verify=false", server.host() + "/project-b/app:v1")
        .with("REGISTRY_AUTH_FILE", secret.toString());
  }

  /** Returns the file of a pull secret of the namespace's default service account. */
  private Path secret(String namespace) throws IOException {
    String said = asAlice("create", "token", "default", "-n", namespace, "-o", "dockerconfigjson");
    return Files.writeString(directory.resolve(namespace + ".json"), said);
  }

  private String policy(String... words) {
    return asAlice(Stream.concat(Stream.of("policy"), Stream.of(words)).toArray(String[]::new));
  }

  private String asAlice(String... words) {
    return Command.cistern(words)
        .and("--server", "http://" + server.host())
        .with("REGISTRY_AUTH_FILE", logins())
        .run();
  }

  private String logins() {
    return directory.resolve("logins.json").toString();
  }
}
