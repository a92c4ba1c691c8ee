package dev.cistern.server.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The commands that go by rules and secrets and ask no server. */
class RulesCommandsTest {
  private static final String DIGEST =
      "@sha256:0000000000000000000000000000000000000000000000000000000000000001";

  @TempDir private Path directory;

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @BeforeEach
  void objects() throws IOException {
    write(
        "idms.yaml",
        """
        apiVersion: config.openshift.io/v1
        kind: ImageDigestMirrorSet
        metadata: {name: one}
        spec:
          imageDigestMirrors:
          - source: registry.example.com/team
            mirrors: [mirror.example.com:5000/team, other.example.com/team]
        """);
  }

  @Test
  void resolvePrintsTheSourcesInOrder() throws Exception {
    String reference = "registry.example.com/team/app" + DIGEST;
    assertThat(run("resolve", "--resources", path("idms.yaml"), "-o", "json", reference)).isZero();
    assertThat(out.toString().strip())
        .isEqualTo(
            "{\"prefix\":\"registry.example.com/team\",\"sources\":["
                + "{\"reference\":\"mirror.example.com:5000/team/app"
                + DIGEST
                + "\",\"pullFromMirror\":\"digest-only\"},"
                + "{\"reference\":\"other.example.com/team/app"
                + DIGEST
                + "\",\"pullFromMirror\":\"digest-only\"},"
                + "{\"reference\":\"registry.example.com/team/app"
                + DIGEST
                + "\"}]}");
  }

  @Test
  void resolveReadsRegistriesConf() throws Exception {
    write(
        "registries.conf",
        """
        [[registry]]
        location = "registry.example.com"
        blocked = true
        [[registry.mirror]]
        location = "localhost:5000"
        insecure = true
        """);
    assertThat(
            run(
                "resolve",
                "--registries-conf",
                path("registries.conf"),
                "-o",
                "json",
                "registry.example.com/a:1"))
        .isZero();
    assertThat(out.toString())
        .contains("{\"reference\":\"localhost:5000/a:1\",\"insecure\":true}")
        .contains("{\"reference\":\"registry.example.com/a:1\",\"blocked\":true}");
  }

  @Test
  void resolveWithoutARuleIsTheReferenceItself() throws Exception {
    assertThat(run("resolve", "--resources", path("idms.yaml"), "-o", "json", "busybox")).isZero();
    assertThat(out.toString().strip())
        .isEqualTo("{\"sources\":[{\"reference\":\"docker.io/library/busybox:latest\"}]}");
  }

  @ParameterizedTest
  @ValueSource(strings = {"Bad//name", "a@sha256:1", "http://registry.example.com/a"})
  void resolveRefusesWhatIsNoReference(String reference) throws Exception {
    assertThat(run("resolve", "--resources", path("idms.yaml"), reference)).isEqualTo(1);
    assertThat(err.toString()).startsWith("error: not an image reference: ");
  }

  @Test
  void whatIsWrittenIsWhatIsReadBack() throws Exception {
    assertThat(run("render", "registries-conf", path("idms.yaml"))).isZero();
    write("generated.conf", out.toString());
    out.getBuffer().setLength(0);
    assertThat(
            run(
                "resolve",
                "--registries-conf",
                path("generated.conf"),
                "registry.example.com/team/app" + DIGEST))
        .isZero();
    assertThat(out.toString())
        .contains("rule: registry.example.com/team")
        .contains("mirror.example.com:5000/team/app" + DIGEST + " (digest-only)");
  }

  @Test
  void neverContactSourceBlocksTheSources() throws Exception {
    assertThat(run("render", "registries-conf", "--never-contact-source", path("idms.yaml")))
        .isZero();
    assertThat(out.toString()).contains("blocked = true");
  }

  @Test
  void hostsTomlIsATreeWithTheMirrorsCredentials() throws Exception {
    write("auth.json", "{\"auths\":{\"mirror.example.com:5000\":{\"auth\":\"dTpw\"}}}");
    Path tree = directory.resolve("tree");
    assertThat(
            run(
                "render",
                "hosts-toml",
                path("idms.yaml"),
                "--pull-secret",
                path("auth.json"),
                "--out",
                tree.toString()))
        .isZero();
    assertThat(Files.readString(tree.resolve("registry.example.com/hosts.toml")))
        .contains(
            "[host.\"https://mirror.example.com:5000/v2\"]", "authorization = \"Basic dTpw\"");
    assertThat(Files.getPosixFilePermissions(tree.resolve("registry.example.com/hosts.toml")))
        .as("only its owner may read credentials")
        .containsExactlyInAnyOrder(PosixFilePermission.OWNER_READ, PosixFilePermission.OWNER_WRITE);
  }

  @Test
  void drainSaysWhy() throws Exception {
    write("none.yaml", "");
    assertThat(run("render", "drain", path("none.yaml"), path("idms.yaml"))).isZero();
    assertThat(out.toString()).contains("no node drains");
    assertThat(run("render", "drain", path("idms.yaml"), path("none.yaml"))).isZero();
    assertThat(out.toString()).contains("the nodes drain:", "registry.example.com/team");
  }

  @Test
  void aChangedPullSecretNeverDrains() throws Exception {
    String secret =
        """
        ---
        apiVersion: v1
        kind: Secret
        metadata: {name: pull-secret, namespace: openshift-config}
        type: kubernetes.io/dockerconfigjson
        stringData: {.dockerconfigjson: '{"auths":{"quay.io":{"auth":"%s"}}}'}
        """;
    String rules = Files.readString(directory.resolve("idms.yaml"));
    write("before.yaml", rules + secret.formatted("dTpw"));
    write("after.yaml", rules + secret.formatted("djp3"));
    assertThat(run("render", "drain", path("before.yaml"), path("after.yaml"))).isZero();
    assertThat(out.toString()).contains("no node drains");
  }

  @Test
  void mirrorSetsPointAtThisServer() throws Exception {
    assertThat(run("render", "mirror-sets", "--server", "m.example:5000", "quay.io/team")).isZero();
    write("mine.yaml", out.toString());
    out.getBuffer().setLength(0);
    assertThat(run("resolve", "--resources", path("mine.yaml"), "quay.io/team/app:v1")).isZero();
    assertThat(out.toString()).contains("m.example:5000/quay.io/team/app:v1 (tag-only)");
  }

  @Test
  void credentialsSaysWhichEntryNeverTheSecret() throws Exception {
    write(
        "auth.json",
        "{\"auths\":{\"quay.io\":{\"auth\":\"dTpw\"},\"quay.io/team\":{\"auth\":\"djpw\"}}}");
    String file = path("auth.json");
    assertThat(run("credentials", "--authfile", file, "-o", "json", "quay.io/team/app:v1"))
        .isZero();
    assertThat(out.toString().strip())
        .isEqualTo("{\"file\":\"" + file + "\",\"key\":\"quay.io/team\",\"username\":\"v\"}");
    out.getBuffer().setLength(0);
    assertThat(run("credentials", "--authfile", file, "-o", "json", "busybox")).isZero();
    assertThat(out.toString().strip()).isEqualTo("{}");
  }

  @Test
  void loginAddsToTheFileAndKeepsTheRest() throws Exception {
    write("auth.json", "{\"auths\":{\"quay.io\":{\"auth\":\"dTpw\"}},\"other\":1}");
    String file = path("auth.json");
    String registry = "mirror.example.com:5000";
    assertThat(
            run("registry", "login", "--registry", registry, "--auth-basic", "v:w", "--to", file))
        .isZero();
    assertThat(Files.readString(Path.of(file))).contains("\"other\"", "quay.io", "djp3");
    assertThat(run("credentials", "--authfile", file, registry + "/a")).isZero();
    assertThat(out.toString()).contains("user v").doesNotContain("djp3");
  }

  @Test
  void aRefusedFileIsNamedWithLineAndField() throws Exception {
    write(
        "bad.yaml", "apiVersion: config.openshift.io/v1\nkind: ImageTagMirrorSet\nspec: {a: b}\n");
    assertThat(run("render", "registries-conf", path("bad.yaml"))).isEqualTo(1);
    assertThat(err.toString()).startsWith("error: " + path("bad.yaml") + ":3: spec.a: unknown key");
  }

  @Test
  void aMissingFileIsNamed() throws Exception {
    String none = path("none");
    assertThat(run("credentials", "--authfile", none, "busybox")).isEqualTo(1);
    assertThat(run("resolve", "--registries-conf", none, "busybox")).isEqualTo(1);
    assertThat(run("render", "registries-conf", none)).isEqualTo(1);
    assertThat(err.toString().lines())
        .hasSize(3)
        .allMatch(line -> line.startsWith("error: " + none + ": cannot be read"));
  }

  @Test
  void checkCountsTheMirrorSetsAndRefusesWhatServeWouldRefuse() throws Exception {
    write("cistern.yaml", "resources: [" + directory.resolve("objects") + "]\n");
    Files.createDirectory(directory.resolve("objects"));
    Files.move(directory.resolve("idms.yaml"), directory.resolve("objects/idms.yaml"));
    assertThat(run("check", "--config", path("cistern.yaml"))).isZero();
    assertThat(out.toString()).contains("mirror sets: 1", "good");

    write("objects/bad.yaml", "kind: ImageTagMirrorSet\n");
    assertThat(run("check", "--config", path("cistern.yaml"))).isEqualTo(1);
    assertThat(err.toString())
        .startsWith("error: " + path("objects/bad.yaml") + ":1: apiVersion: the key is missing");
  }

  @Test
  void checkFailsOnABadEntryOfThePullSecretOrOfAnUpstreamsCredentials() throws Exception {
    write("cistern.yaml", "pullSecret: " + path("pull-secret.json") + "\n");
    write("pull-secret.json", "{\"auths\":{\"quay.io\":{\"auth\":\"s3cret!\"}}}");
    assertThat(run("check", "--config", path("cistern.yaml"))).isEqualTo(1);
    assertThat(err.toString().strip())
        .isEqualTo("error: " + path("pull-secret.json") + ": auths.quay.io.auth is not base64");

    err.getBuffer().setLength(0);
    write(
        "cistern.yaml",
        "upstreams: [{registry: quay.io, credentials: " + path("pull-secret.json") + "}]\n");
    assertThat(run("check", "--config", path("cistern.yaml"))).isEqualTo(1);
    assertThat(err.toString()).contains("auths.quay.io.auth is not base64");
  }

  @Test
  void missingOptionsAreNamed() throws Exception {
    assertThat(run("resolve", "busybox")).isEqualTo(2);
    assertThat(run("credentials", "busybox")).isEqualTo(2);
    assertThat(run("render", "hosts-toml", path("idms.yaml"))).isEqualTo(2);
    assertThat(run("render", "else", path("idms.yaml"))).isEqualTo(2);
    assertThat(run("registry", "login")).isEqualTo(2);
    assertThat(err.toString())
        .contains("--registries-conf FILE or --resources DIR is needed")
        .contains("--authfile FILE is needed", "--out DIR is needed", "--auth-basic is needed");
  }

  private String path(String name) {
    return directory.resolve(name).toString();
  }

  private void write(String name, String text) throws IOException {
    Files.writeString(directory.resolve(name), text);
  }

  private int run(String... arguments) throws InterruptedException {
    return Main.run(List.of(arguments), new PrintWriter(out, true), new PrintWriter(err, true));
  }
}
