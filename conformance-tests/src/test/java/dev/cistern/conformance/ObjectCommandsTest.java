package dev.cistern.conformance;

import static dev.cistern.conformance.Accounts.ALICE;
import static dev.cistern.conformance.Accounts.BOB;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands for those who have no {@code oc}, against a server that runs. */
class ObjectCommandsTest {
  private static final String STREAM = "imagestream.image.openshift.io/";

  private static Path directory;
  private static UpstreamRegistry upstream;
  private static CisternServer server;
  private static String index;
  private static String amd64;
  private static String arm64;

  @BeforeAll
  static void start(@TempDir Path temporary) {
    directory = temporary;
    upstream = UpstreamRegistry.start();
    server =
        new TestConfig(directory)
            .upstream("up", upstream, "insecure: true")
            .line("storage: {gcGrace: 0s}")
            .start();
    amd64 = image("amd64");
    arm64 = image("arm64");
    index = upstream.addIndex("app", indexOf(amd64, arm64), "v1", "latest");
  }

  @AfterAll
  static void stop() {
    server.close();
    upstream.close();
  }

  @Test
  void anImportMakesAStreamAndTellsItAndTheImage() {
    Ran none = run("import-image first:v1 --from=" + at("app:v1"));
    assertThat(none.status).isEqualTo(1);
    assertThat(none.err)
        .isEqualTo(
            "error: no image stream named \"first\" exists, pass --confirm to create and import\n");

    Ran trial = run("import-image first:v1 --confirm --dry-run --from=" + at("app:v1"));
    assertThat(trial.out).startsWith(STREAM + "first imported (dry run)\n\n");
    assertThat(run("get is first").err).contains("imagestreams.image.openshift.io \"first\" not");

    String whole = " --import-mode=PreserveOriginal --reference-policy=local";
    Ran made = run("import-image first:v1 --confirm --from=" + at("app:v1") + whole);
    assertThat(made.status).isZero();
    assertThat(made.err).isEmpty();
    assertThat(made.out)
        .startsWith(STREAM + "first imported\n\nName:\t\t\tfirst\nNamespace:\t\tdefault\n")
        .contains(
            "v1\n  tagged from "
                + at("app:v1")
                + "\n    prefer registry pullthrough when referencing this tag\n\n  * "
                + at("app@" + index))
        .contains("Image Name:\tfirst:v1\n", "Arch:\t\t<none>\n")
        .contains("Manifests:\tlinux/amd64\t" + amd64 + "\n\t\tlinux/arm64\t" + arm64 + "\n");
    assertThat(run("import-image first:v1").out).contains("  * " + at("app@" + amd64));
    assertThat(run("describe istag/first:v1").out).contains("Docker Labels:\tl=v\n", "\tB=2\n");
  }

  @Test
  void whatCannotBeImportedIsToldAndIsAnError() {
    Ran failed = run("import-image missing:v1 --confirm --from=" + at("nothing:v1"));
    assertThat(failed.status).isEqualTo(1);
    assertThat(failed.out)
        .startsWith(STREAM + "missing imported with errors\n\nName:")
        .contains("! error: Import failed (NotFound): dockerimage.image.openshift.io");
    assertThat(failed.err)
        .isEqualTo(
            "error: tag v1 failed: dockerimage.image.openshift.io \""
                + at("nothing:v1")
                + "\" not found\nerror: imported completed with errors\n");
  }

  @Test
  void aWholeRepositoryIsImported() {
    Ran all = run("import-image whole --all --confirm --from=" + at("app"));
    assertThat(all.status).isZero();
    assertThat(all.out).contains("Image Name:\twhole:latest\n", "Image Name:\twhole:v1\n");
    assertThat(run("get istag -o name -n default").out)
        .contains("imagestreamtag.image.openshift.io/whole:v1\n");
  }

  @Test
  void tagsAreSetFollowedAndRemoved() {
    assertThat(run("tag " + at("app:v1") + " tags:v1 --import-mode=PreserveOriginal").out)
        .isEqualTo("Tag tags:v1 set to " + at("app:v1") + ".\n");
    await().untilAsserted(() -> assertThat(run("describe is tags").out).contains("@" + index));
    assertThat(run("tag tags:v1 tags:prod more:v1").out)
        .isEqualTo(
            "Tag tags:prod set to tags@%s.\nTag more:v1 set to tags@%s.\n".formatted(index, index));
    assertThat(run("tag tags:v1 tags:next --alias").out)
        .isEqualTo("Tag tags:next set up to track tags:v1.\n");
    assertThat(run("tag " + at("app:v1") + " tags:often --scheduled --insecure").out)
        .isEqualTo("Tag tags:often set to import " + at("app:v1") + " periodically.\n");
    assertThat(run("tag tags:none tags:x").err)
        .isEqualTo(
            "error: \"tags:none\" is not currently pointing to an image, cannot use it as the"
                + " source of a tag\n");
    assertThat(run("tag tags:prod more:v1 -d").out)
        .isEqualTo("Deleted tag default/tags:prod.\nDeleted tag default/more:v1.\n");
    Ran again = run("tag tags:prod -d");
    assertThat(again.status).isEqualTo(1);
    assertThat(again.err)
        .isEqualTo(
            "Error from server (NotFound): imagestreamtags.image.openshift.io \"tags:prod\" not"
                + " found\n");
    assertThat(run("get is tags").out).contains("NAME   IMAGE REPOSITORY", "next,often,v1");
  }

  @Test
  void objectsAreAppliedShownAndDeleted() throws IOException {
    Path file = directory.resolve("objects.yaml");
    String text =
        """
        apiVersion: image.openshift.io/v1
        kind: ImageStream
        metadata: {name: applied, labels: {team: one}}
        spec:
          tags:
          - {name: v1, reference: true, from: {kind: DockerImage, name: "r.example/a:v1"}}
        ---
        apiVersion: v1
        kind: ServiceAccount
        metadata: {name: robot}
        """;
    Files.writeString(file, text);
    String both = STREAM + "applied %s\nserviceaccount/robot %s\n";
    assertThat(run("apply -f " + file).out).isEqualTo(both.formatted("created", "created"));
    assertThat(run("apply -f " + file).out).isEqualTo(both.formatted("unchanged", "unchanged"));
    Files.writeString(file, text.replace("team: one", "team: two"));
    assertThat(run("apply -f " + file).out).isEqualTo(both.formatted("configured", "unchanged"));

    run("tag r.example/b:v2 applied:v2 --reference");
    Files.writeString(file, text.replace("team: one", "team: two").replace("name: v1", "name: v3"));
    assertThat(run("apply -f " + file).out).startsWith(STREAM + "applied configured\n");
    assertThat(run("describe is applied").out)
        .contains("v2\n  reference to registry r.example/b:v2\n")
        .contains("v3\n  reference to registry r.example/a:v1\n")
        .contains("v1\n  no spec tag\n");

    assertThat(run("get is -l team=two -o name").out).isEqualTo(STREAM + "applied\n");
    assertThat(run("get is/applied sa/robot").out)
        .containsPattern("NAME +IMAGE REPOSITORY")
        .containsPattern("\n\nNAME +SECRETS +AGE\nserviceaccount/robot +0 +\\d+s\n");
    assertThat(run("get is applied -o yaml").out)
        .startsWith("apiVersion: image.openshift.io/v1\nkind: ImageStream\nmetadata:\n")
        .contains("  labels:\n    team: two\n");
    assertThat(run("get is -n nowhere").err)
        .isEqualTo("No resources found in nowhere namespace.\n");
    assertThat(run("get thing").err)
        .isEqualTo("error: the server doesn't have a resource type \"thing\"\n");

    Ran there = run("create -f " + file);
    assertThat(there.status).isEqualTo(1);
    assertThat(there.err)
        .startsWith("Error from server (AlreadyExists): error when creating \"" + file + "\": ");
    assertThat(run("delete is/applied").out)
        .isEqualTo("imagestream.image.openshift.io \"applied\" deleted from default namespace\n");
    assertThat(run("delete -f " + file + " --ignore-not-found").out)
        .isEqualTo("serviceaccount \"robot\" deleted from default namespace\n");
    Ran gone = run("delete sa robot");
    assertThat(gone.status).isEqualTo(1);
    assertThat(gone.err)
        .isEqualTo("Error from server (NotFound): serviceaccounts \"robot\" not found\n");
  }

  @Test
  void aDeletionNeedsNoBody() {
    String path = "/apis/image.openshift.io/v1/namespaces/default/imagestreams/never";
    try (var client = new TestClient(server)) {
      for (int i = 0; i < 50; i++) {
        assertThat(client.delete(path).text()).contains("\"reason\":\"NotFound\"");
      }
    }
  }

  @Test
  void otherKindsAreNotDescribed() {
    assertThat(run("describe sa default").err)
        .startsWith(
            "error: no description has been implemented for serviceaccounts: described are");
  }

  @Test
  void changesAreShownAsTheyCome() throws Exception {
    run("create -f " + stream("watched"));
    Process watch = process("get is/watched -w -o name", "");
    try {
      var lines = watch.inputReader(UTF_8);
      assertThat(lines.readLine()).isEqualTo(STREAM + "watched");
      run("tag " + at("app:v1") + " watched:v1");
      assertThat(lines.readLine()).isEqualTo(STREAM + "watched");
    } finally {
      watch.destroyForcibly().waitFor();
    }
  }

  @Test
  void pruningSaysWhatItWouldDoAndDoesIt() {
    run("import-image old:v1 --confirm --from=" + at("app:v1"));
    String all = "prune --keep-younger-than=0 --keep-tag-revisions=0 --namespace=default";
    Ran trial = run(all);
    assertThat(trial.err)
        .isEqualTo(
            "Dry run enabled - no modifications will be made. Add --confirm to remove images\n");
    assertThat(trial.out).contains("Deleting 1 items from image stream default/old\n");
    assertThat(run("describe is old").out).contains("  * " + at("app@" + amd64));
    Ran done = run(all + " --confirm");
    assertThat(done.err).isEmpty();
    assertThat(done.out)
        .contains("Deleting 1 items from image stream default/old\n")
        .containsPattern(
            "Summary: .*deleted \\d+ image stream tag item\\(s\\), updated \\d+ image");
  }

  @Test
  void whoMayNotIsToldAsWhomAndAKubeconfigHasAToken(@TempDir Path own) throws IOException {
    TestIdentity identity = TestIdentity.make(own);
    var objects = new ObjectFiles(own.resolve("objects"));
    objects.put("admin.yaml", ObjectFiles.binding("", "cluster-admin", "User", "alice"));
    Path users = Files.writeString(own.resolve("users"), ALICE.line() + BOB.line());
    try (CisternServer secured =
        new TestConfig(own)
            .tls(identity)
            .line("resources: [" + own.resolve("objects") + "]")
            .line("access: {users: " + users + ", anonymous: none}")
            .start()) {
      String way = " --server https://" + secured.host() + " --ca-file " + identity.caFile();
      assertThat(run("get secrets" + way).err)
          .startsWith(
              "Error from server (Forbidden): secrets is forbidden: User \"system:anonymous")
          .contains("podman login " + secured.host());
      Path bob = logins(own, secured, BOB);
      Ran refused = run("get secrets" + way + " --authfile " + bob);
      assertThat(refused.status).isEqualTo(1);
      assertThat(refused.err)
          .startsWith(
              "Error from server (Forbidden): secrets is forbidden: User \"bob\" cannot list")
          .contains("(asked with the entry " + secured.host());
      Path alice = logins(own, secured, ALICE);
      assertThat(run("get secrets" + way + " --authfile " + alice).err)
          .isEqualTo("No resources found in default namespace.\n");

      Path file = own.resolve("kubeconfig");
      Ran written = run("kubeconfig" + way + " --authfile " + alice + " --to " + file);
      assertThat(written.status).isZero();
      String config = Files.readString(file);
      assertThat(config)
          .contains("server: https://" + secured.host(), "certificate-authority-data: LS0t")
          .doesNotContain("s3cret");
      String token = config.replaceAll("(?s).*token: (\\S+).*", "$1");
      assertThat(run("get secrets" + way, token).err).startsWith("No resources found");
      assertThat(run("kubeconfig" + way + " --to " + file).err).contains("is there already");
    }
  }

  @Test
  void aKubeconfigForPlainHttpHasNoUserAndSaysWhy() {
    Ran written = run("kubeconfig -n team --token eyJ.a.b");
    assertThat(written.status).isZero();
    assertThat(written.out).contains("server: http://" + server.host()).doesNotContain("eyJ");
    assertThat(written.err).contains("oc and kubectl send credentials only over TLS");
  }

  private static Path logins(Path directory, CisternServer of, Accounts account)
      throws IOException {
    String pair = account.user() + ":" + account.password();
    String auth = Base64.getEncoder().encodeToString(pair.getBytes(UTF_8));
    return Files.writeString(
        directory.resolve(account.user() + ".json"),
        "{\"auths\":{\"" + of.host() + "\":{\"auth\":\"" + auth + "\"}}}");
  }

  private static String at(String rest) {
    return upstream.host() + "/" + rest;
  }

  private static String image(String architecture) {
    byte[] layer = Samples.bytes(1000, architecture.hashCode());
    byte[] config =
        ("{\"architecture\":\"%s\",\"os\":\"linux\",\"config\":{\"Env\":[\"A=1\",\"B=2\"],"
                + "\"Labels\":{\"l\":\"v\"}},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\"]}}")
            .formatted(architecture, Samples.digest(layer))
            .getBytes(UTF_8);
    upstream.addBlob("app", layer);
    upstream.addBlob("app", config);
    String manifest =
        ("{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":{\"mediaType\":"
                + "\"application/vnd.oci.image.config.v1+json\",\"digest\":\"%s\",\"size\":%d},"
                + "\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\","
                + "\"digest\":\"%s\",\"size\":%d}]}")
            .formatted(
                Samples.IMAGE,
                Samples.digest(config),
                config.length,
                Samples.digest(layer),
                layer.length);
    return upstream.addManifest("app", manifest.getBytes(UTF_8));
  }

  private static byte[] indexOf(String amd64, String arm64) {
    String child =
        "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%d,\"platform\":{\"os\":\"linux\",\"architecture\":\"%s\"}}";
    return "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"manifests\":[%s,%s]}"
        .formatted(
            Samples.INDEX,
            child.formatted(Samples.IMAGE, amd64, 442, "amd64"),
            child.formatted(Samples.IMAGE, arm64, 442, "arm64"))
        .getBytes(UTF_8);
  }

  private static Path stream(String name) throws IOException {
    return Files.writeString(
        directory.resolve(name + ".yaml"),
        "{apiVersion: image.openshift.io/v1, kind: ImageStream, metadata: {name: " + name + "}}");
  }

  private record Ran(int status, String out, String err) {}

  private static Ran run(String words) {
    return run(words, "");
  }

  private static Ran run(String words, String token) {
    try {
      Process process = process(words, token);
      String out = new String(process.getInputStream().readAllBytes(), UTF_8);
      String err = new String(process.getErrorStream().readAllBytes(), UTF_8);
      return new Ran(process.waitFor(), out, err);
    } catch (IOException | InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /** Starts a command, for somebody whose credentials are nowhere but where they are said to be. */
  private static Process process(String words, String token) throws IOException {
    var arguments = new ArrayList<>(List.of(words.split(" ", -1)));
    if (!arguments.contains("--server")) {
      arguments.addAll(List.of("--server", "http://" + server.host()));
    }
    var builder = new ProcessBuilder(CisternServer.command(arguments));
    List.of("XDG_RUNTIME_DIR", "DOCKER_CONFIG", "REGISTRY_AUTH_FILE")
        .forEach(builder.environment()::remove);
    builder.environment().put("HOME", directory.toString());
    builder.environment().put("CISTERN_TOKEN", token);
    return builder.start();
  }
}
