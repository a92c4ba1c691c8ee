package dev.cistern.conformance.clients;

import static dev.cistern.conformance.Accounts.ALICE;
import static dev.cistern.conformance.Accounts.BOB;
import static dev.cistern.conformance.Accounts.CAROL;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.conformance.Accounts;
import dev.cistern.conformance.CisternServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * Real clients of a server that asks who one is: bob may pull in project, carol may push there too,
 * and everybody may pull in public. Each does what he may and is told what he may not.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class AccessClientsTest {
  private static final String DENIED = "bob may not push in namespace project";
  private static final String ELSEWHERE = "bob may not pull in namespace other";
  private static final String LOG_IN = "to pull in project/app one has to log in";

  /** What docker says itself of each 401. */
  private static final String DOCKER_LOGIN = "may require 'docker login'";

  private Path directory;
  private SampleImage image;
  private Skopeo skopeo;
  private CisternServer server;

  @BeforeAll
  void start(@TempDir Path temporary) throws IOException {
    Clients.need("skopeo");
    directory = temporary;
    image = SampleImage.write(directory.resolve("layout"));
    skopeo = new Skopeo(directory);
    server = server("served", "none");
    for (String repository : List.of("project/app", "public/app", "other/app")) {
      fill(server, repository);
    }
  }

  @AfterAll
  void stop() {
    if (server != null) {
      server.close();
    }
  }

  private CisternServer server(String name, String anonymous) throws IOException {
    Path below = Files.createDirectory(directory.resolve(name));
    Path users =
        Files.writeString(below.resolve("users"), ALICE.line() + BOB.line() + CAROL.line());
    Path objects =
        Files.writeString(
            below.resolve("objects.yaml"),
            """
            apiVersion: rbac.authorization.k8s.io/v1
            kind: ClusterRoleBinding
            metadata: {name: administrators}
            roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
            subjects: [{kind: User, name: alice}]
            ---
            apiVersion: rbac.authorization.k8s.io/v1
            kind: RoleBinding
            metadata: {name: pullers, namespace: project}
            roleRef:
              {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:image-puller"}
            subjects: [{kind: User, name: bob}]
            ---
            apiVersion: rbac.authorization.k8s.io/v1
            kind: RoleBinding
            metadata: {name: pushers, namespace: project}
            roleRef:
              {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:image-pusher"}
            subjects: [{kind: User, name: carol}]
            ---
            apiVersion: rbac.authorization.k8s.io/v1
            kind: RoleBinding
            metadata: {name: everybody, namespace: public}
            roleRef:
              {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:image-puller"}
            subjects: [{kind: Group, name: "system:unauthenticated"}]
            """);
    Path file =
        Files.writeString(
            below.resolve("cistern.yaml"),
            "resources: [%s]\naccess: {users: %s, anonymous: %s}\n"
                .formatted(objects, users, anonymous));
    return CisternServer.start(below.resolve("data"), "--config", file.toString());
  }

  private void fill(CisternServer at, String repository) {
    skopeo
        .copy("--all", "--preserve-digests", "--dest-creds", credentials(ALICE))
        .and(image.reference(), "docker://" + at.host() + "/" + repository + ":v1")
        .run();
  }

  @Test
  void skopeoPullsAndPushesByCredentials() {
    OciLayout back = OciLayout.create(directory.resolve("by-skopeo"));
    skopeo
        .copy("--all", "--src-creds", credentials(BOB), at("project/app:v1"), back.reference("v1"))
        .run();
    assertThat(back.digest("v1")).isEqualTo(image.index());
    skopeo
        .copy("--all", "--dest-creds", credentials(CAROL))
        .and(image.reference(), at("project/skopeo:v1"))
        .run();

    assertThat(
            skopeo
                .copy("--all", "--dest-creds", credentials(BOB))
                .and(image.reference(), at("project/skopeo:v2"))
                .fail())
        .contains(DENIED);
    assertThat(inspect("other/app:v1").and("--creds", credentials(BOB)).fail()).contains(ELSEWHERE);
    assertThat(inspect("project/app:v1").fail()).contains(LOG_IN);
    assertThat(inspect("project/app:v1").and("--creds", "bob:wrong").fail())
        .contains("user or password is wrong");
  }

  @Test
  void skopeoGoesByAnAuthFile() throws IOException {
    String auth = Base64.getEncoder().encodeToString(credentials(BOB).getBytes(UTF_8));
    Path file =
        Files.writeString(
            directory.resolve("authfile.json"),
            "{\"auths\":{\"%s\":{\"auth\":\"%s\"}}}".formatted(server.host(), auth));

    inspect("project/app:v1").and("--authfile", file.toString()).run();
    assertThat(inspect("other/app:v1").and("--authfile", file.toString()).fail())
        .contains(ELSEWHERE);
  }

  @Test
  void skopeoLogsInAndOut() {
    String file = directory.resolve("login.json").toString();
    skopeo
        .skopeo("login", "--tls-verify=false", "--authfile", file)
        .and("-u", BOB.user(), "-p", BOB.password(), server.host())
        .run();
    inspect("project/app:v1").and("--authfile", file).run();
    skopeo.skopeo("logout", "--authfile", file, server.host()).run();

    assertThat(inspect("project/app:v1").and("--authfile", file).fail()).contains(LOG_IN);
    assertThat(
            skopeo
                .skopeo("login", "--tls-verify=false", "--authfile", file)
                .and("-u", BOB.user(), "-p", "wrong", server.host())
                .fail())
        .contains("invalid username/password");
  }

  @Test
  void everybodyPullsWhatEverybodyMay() throws IOException {
    inspect("public/app:v1").run();
    assertThat(skopeo.copy("--all", image.reference(), at("public/app:v2")).fail())
        .contains("to push in public/app one has to log in");
    try (CisternServer open = server("open", "pull")) {
      fill(open, "project/app");
      String there = "docker://" + open.host() + "/project/app:v1";
      skopeo.inspect(there).run();
      skopeo.inspect("--creds", credentials(BOB), there).run();
      assertThat(skopeo.delete(there).fail()).contains("one has to log in");
    }
  }

  @Test
  void podmanLogsInPullsAndPushes() {
    Clients.need("podman");
    Clients.needRoot();
    try (var podman = new Podman(directory.resolve("podman"))) {
      assertThat(pull(podman, "project/app:v1")).contains(LOG_IN);
      login(podman, BOB);
      assertThat(podman.pull(server.host() + "/project/app:v1")).isEqualTo(image.index());
      assertThat(pull(podman, "other/app:v1")).contains(ELSEWHERE);
      String local = server.host() + "/project/app:v1";
      String remote = server.host() + "/project/podman:v1";
      assertThat(podman.podman("push", "-q", "--tls-verify=false", local, remote).fail())
          .contains(DENIED);

      login(podman, CAROL);
      assertThat(podman.push(local, remote)).isEqualTo(image.amd64());
      podman.podman("logout", server.host()).run();
      assertThat(pull(podman, "project/podman:v1")).contains(LOG_IN.replace("app", "podman"));
      assertThat(podman.pull(server.host() + "/public/app:v1")).isEqualTo(image.index());
    }
  }

  @Test
  void dockerLogsInPullsAndPushes() {
    Clients.need("docker", "dockerd", "containerd", "runc");
    Clients.needRoot();
    try (DockerDaemon docker = DockerDaemon.start(directory.resolve("docker"))) {
      String local = server.host() + "/project/app:v1";
      String remote = server.host() + "/project/docker:v1";
      assertThat(docker.docker("pull", local).fail()).contains("denied", DOCKER_LOGIN);
      login(docker, BOB);
      assertThat(docker.pull(local)).isEqualTo(image.index());
      assertThat(docker.docker("pull", server.host() + "/other/app:v1").fail()).contains(ELSEWHERE);
      docker.docker("tag", local, remote).run();
      assertThat(docker.docker("push", remote).fail()).contains(DENIED);
      assertThat(docker.docker("login", "-u", "bob", "-p", "wrong", server.host()).fail())
          .contains("user or password is wrong");

      login(docker, CAROL);
      docker.docker("push", remote).run();
      docker.docker("logout", server.host()).run();
      assertThat(docker.docker("pull", remote).fail()).contains("denied", DOCKER_LOGIN);
      assertThat(docker.pull(server.host() + "/public/app:v1")).isEqualTo(image.index());
    }
  }

  @Test
  void containerdPullsAndPushesByUserAndByAHeaderOfHostsToml() throws IOException {
    Clients.need("containerd", "ctr", "runc");
    Clients.needRoot();
    try (Containerd containerd = Containerd.start(directory.resolve("containerd"))) {
      String local = server.host() + "/project/app:v1";
      String other = server.host() + "/other/app:v1";
      assertThat(ctrPull(containerd, "bob:wrong", local).fail()).contains("401 Unauthorized");
      ctrPull(containerd, credentials(BOB), "--all-platforms", local).run();
      assertThat(containerd.digest(local)).isEqualTo(image.index());
      assertThat(ctrPull(containerd, credentials(BOB), other).fail()).contains("403 Forbidden");

      String remote = server.host() + "/project/containerd:v1";
      containerd.ctr("images", "tag", local, remote).run();
      assertThat(ctrPush(containerd, BOB, remote).fail()).contains("403 Forbidden");
      ctrPush(containerd, CAROL, remote).run();

      containerd.ctr("images", "rm", local).run();
      Path hosts = Files.createDirectories(containerd.hosts().resolve(server.host()));
      Files.writeString(
          hosts.resolve("hosts.toml"),
          """
          server = "http://%1$s"
          [host."http://%1$s"]
            capabilities = ["pull", "resolve"]
            [host."http://%1$s".header]
              authorization = "Basic %2$s"
          """
              .formatted(
                  server.host(),
                  Base64.getEncoder().encodeToString(credentials(BOB).getBytes(UTF_8))));
      containerd.pull(local).run();
      assertThat(containerd.digest(local)).isEqualTo(image.index());
      assertThat(containerd.pull(other).fail()).contains("403 Forbidden");
    }
  }

  private static Command ctrPull(Containerd containerd, String user, String... arguments) {
    return containerd
        .ctr("images", "pull", "--plain-http", "--snapshotter", "native", "--user", user)
        .and(arguments);
  }

  private static Command ctrPush(Containerd containerd, Accounts account, String reference) {
    return containerd.ctr(
        "images", "push", "--plain-http", "--user", credentials(account), reference);
  }

  private void login(Podman podman, Accounts account) {
    podman
        .podman("login", "--tls-verify=false", "-u", account.user(), "-p", account.password())
        .and(server.host())
        .run();
  }

  private void login(DockerDaemon docker, Accounts account) {
    docker.docker("login", "-u", account.user(), "-p", account.password(), server.host()).run();
  }

  private String pull(Podman podman, String reference) {
    return podman
        .podman("pull", "-q", "--tls-verify=false", server.host() + "/" + reference)
        .fail();
  }

  private Command inspect(String reference) {
    return skopeo.inspect(at(reference));
  }

  private String at(String reference) {
    return "docker://" + server.host() + "/" + reference;
  }

  private static String credentials(Accounts account) {
    return account.user() + ":" + account.password();
  }
}
