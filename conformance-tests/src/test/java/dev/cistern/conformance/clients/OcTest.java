package dev.cistern.conformance.clients;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.conformance.CisternServer;
import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * What administrators do with {@code oc}, as OpenShift's documentation has it, against a server
 * whose upstream is a real registry with an image for two platforms. See {@link Oc} for machines
 * without it; the effects are looked at there too.
 */
class OcTest {
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final String USER_DATA = "{\"auths\":{\"x.example\":{\"auth\":\"YTpi\"}}}";

  private final HttpClient http =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  private Path directory;
  private SampleImage image;
  private DebianRegistry upstream;
  private CisternServer server;
  private Oc oc;
  private String from;

  @BeforeEach
  void start(@TempDir Path temporary, TestInfo test) throws IOException {
    Clients.need("docker-registry", "skopeo");
    directory = temporary;
    image = SampleImage.write(directory.resolve("layout"));
    upstream = DebianRegistry.start(directory.resolve("upstream"));
    publish("ruby", "2.0", "latest");
    from = upstream.host() + "/proj/ruby";
    Path config =
        Files.writeString(
            directory.resolve("cistern.yaml"),
            """
            upstreams:
            - {registry: "%s", name: up, endpoint: %s, insecure: true}
            names: [registry.example]
            """
                .formatted(upstream.host(), upstream.endpoint()));
    server = CisternServer.start(directory.resolve("data"), "--config", config.toString());
    Map<String, String> names = new LinkedHashMap<>();
    names.put("upstream", upstream.host());
    names.put("index", image.index());
    names.put("amd64", image.amd64());
    names.put("arm64", image.arm64());
    names.put("directory", directory.toString());
    oc =
        Oc.of(server, directory.resolve("oc"), test.getTestMethod().orElseThrow().getName(), names);
  }

  private void publish(String name, String... tags) {
    for (String tag : tags) {
      new Skopeo(directory)
          .copyAll(image.reference(), "docker://" + upstream.host() + "/proj/" + name + ":" + tag);
    }
  }

  @AfterEach
  void stop() {
    http.close();
    for (@Nullable AutoCloseable one : new AutoCloseable[] {oc, server, upstream}) {
      if (one != null) {
        assertThat(one).satisfies(AutoCloseable::close);
      }
    }
  }

  private Oc.Said run(String... words) {
    Oc.Said said = oc.run(words);
    assertThat(said.status()).as("%s\n%s", said.out(), said.errors()).isZero();
    return said;
  }

  /** Runs what must not be done; returns what it says of it. */
  private void refused(String expected, String... words) {
    Oc.Said said = oc.run(words);
    assertThat(said.status()).as(said.out()).isEqualTo(1);
    if (said.isReal()) {
      assertThat(said.errors() + said.out()).contains(expected);
    }
  }

  private static void assertSays(Oc.Said said, String... parts) {
    if (said.isReal()) {
      assertThat(said.out()).contains(parts);
    }
  }

  private JsonNode get(String path) {
    try {
      HttpResponse<String> answer =
          http.send(
              HttpRequest.newBuilder(server.uri(path)).build(),
              HttpResponse.BodyHandlers.ofString());
      return JsonMapper.shared().readTree(answer.body());
    } catch (IOException e) {
      throw new AssertionError("no answer to " + path, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e);
    }
  }

  private JsonNode stream(String name) {
    return get("/apis/image.openshift.io/v1/namespaces/default/imagestreams/" + name);
  }

  private JsonNode spec(String stream, String tag) {
    return one(stream(stream).path("spec").path("tags"), "name", tag);
  }

  private JsonNode history(String stream, String tag) {
    return one(stream(stream).path("status").path("tags"), "tag", tag);
  }

  private static JsonNode one(JsonNode list, String key, String value) {
    return list.valueStream()
        .filter(item -> item.path(key).asString("").equals(value))
        .findFirst()
        .orElse(JsonMapper.shared().missingNode());
  }

  private String latest(String stream, String tag) {
    return history(stream, tag).path("items").path(0).path("image").asString("");
  }

  private List<String> images() {
    var names = new ArrayList<String>();
    get("/apis/image.openshift.io/v1/images")
        .path("items")
        .forEach(item -> names.add(item.path("metadata").path("name").asString("")));
    return names;
  }

  private byte[] pulled(String reference) {
    return new Skopeo(directory).manifest("docker://" + server.host() + "/" + reference);
  }

  private static String digest(byte[] bytes) {
    return OciLayout.digest(bytes);
  }

  @Test
  void anIndexIsImportedWithItsChildren() {
    Oc.Said said =
        run(
            "import-image",
            "app:v1",
            "--from=" + from + ":2.0",
            "--import-mode=PreserveOriginal",
            "--reference-policy=local",
            "--confirm");

    assertSays(
        said,
        "imagestream.image.openshift.io/app imported",
        "prefer registry pullthrough when referencing this tag",
        "* " + from + "@" + image.index(),
        "Arch:\t\t<none>",
        "Manifests:\tlinux/amd64\t" + image.amd64(),
        "linux/arm64\t" + image.arm64());
    assertThat(latest("app", "v1")).isEqualTo(image.index());
    assertThat(spec("app", "v1").path("importPolicy").path("importMode").asString())
        .isEqualTo("PreserveOriginal");
    assertThat(images()).containsExactlyInAnyOrder(image.index(), image.amd64(), image.arm64());
    assertThat(digest(pulled("default/app:v1"))).isEqualTo(image.index());
    for (String child : List.of(image.amd64(), image.arm64())) {
      assertThat(digest(pulled("default/app@" + child))).isEqualTo(child);
    }
  }

  @Test
  void withoutTheModeItIsOnePlatform() {
    run("import-image", "app:v1", "--from=" + from + ":2.0", "--confirm");
    assertThat(latest("app", "v1")).isEqualTo(image.amd64());

    run("import-image", "app:v1", "--import-mode=PreserveOriginal");
    assertThat(latest("app", "v1")).isEqualTo(image.index());

    run("import-image", "app:v1");
    assertThat(latest("app", "v1")).isEqualTo(image.amd64());

    run("import-image", "app:v1", "--import-mode=Legacy", "--scheduled=true");
    assertThat(spec("app", "v1").path("importPolicy").path("scheduled").asBoolean()).isTrue();

    run("import-image", "app:v1", "--insecure=true");
    assertThat(spec("app", "v1").path("importPolicy").path("insecure").asBoolean()).isTrue();
    assertThat(spec("app", "v1").path("importPolicy").path("scheduled").asBoolean()).isTrue();
  }

  @Test
  void whatCannotBeImportedIsSaid() {
    refused(
        "error: valid ImportMode values are Legacy or PreserveOriginal",
        "import-image",
        "app:v1",
        "--from=" + from + ":2.0",
        "--import-mode=Both",
        "--confirm");
    refused(
        "error: no image stream named \"app\" exists, pass --confirm to create and import",
        "import-image",
        "app:v1",
        "--from=" + from + ":2.0");
    refused(
        "error: tag v1 failed: dockerimage.image.openshift.io \""
            + upstream.host()
            + "/proj/nothing:1\" not found",
        "import-image",
        "nothing:v1",
        "--from=" + upstream.host() + "/proj/nothing:1",
        "--confirm");
    assertThat(history("nothing", "v1").path("conditions").path(0).path("type").asString())
        .isEqualTo("ImportSuccess");
  }

  @Test
  void aWholeRepositoryIsImported() {
    publish("ruby", "1.9", "2.0.1", "nightly");

    Oc.Said said = run("import-image", "ruby", "--from=" + from, "--all", "--confirm");

    assertSays(said, "imagestream.image.openshift.io/ruby imported");
    for (String tag : List.of("latest", "2.0", "1.9", "2.0.1", "nightly")) {
      assertThat(latest("ruby", tag)).as(tag).isEqualTo(image.amd64());
    }
  }

  @Test
  void tagsAreSetTrackedAndDeleted() {
    run("import-image", "ruby:2.0", "--from=" + from + ":2.0", "--confirm");

    assertSays(
        run("tag", "ruby:2.0", "ruby:static-2.0"),
        "Tag ruby:static-2.0 set to ruby@" + image.amd64() + ".");
    assertThat(spec("ruby", "static-2.0").path("from").path("kind").asString())
        .isEqualTo("ImageStreamImage");

    assertSays(
        run("tag", "--alias=true", "ruby:2.0", "ruby:current"),
        "Tag ruby:current set up to track ruby:2.0.");
    assertThat(spec("ruby", "current").path("from").path("kind").asString())
        .isEqualTo("ImageStreamTag");

    run("import-image", "ruby:2.0", "--import-mode=PreserveOriginal");
    assertThat(latest("ruby", "current")).isEqualTo(image.index());
    assertThat(latest("ruby", "static-2.0")).isEqualTo(image.amd64());

    refused(
        "cannot set alias across different Image Streams",
        "tag",
        "--alias=true",
        "ruby:2.0",
        "other:current");

    assertSays(
        run("tag", from + ":2.0", "ruby:periodic", "--scheduled=true"),
        "Tag ruby:periodic set to import " + from + ":2.0 periodically.");
    await()
        .atMost(PATIENCE)
        .untilAsserted(() -> assertThat(latest("ruby", "periodic")).isEqualTo(image.amd64()));

    run("tag", from + ":2.0", "ruby:pointer", "--reference");
    assertThat(spec("ruby", "pointer").path("reference").asBoolean()).isTrue();
    assertThat(history("ruby", "pointer").path("items").path(0).path("image").asString(""))
        .isEmpty();

    run("tag", from + ":2.0", "ruby:here", "--reference-policy=local");
    assertThat(spec("ruby", "here").path("referencePolicy").path("type").asString())
        .isEqualTo("Local");

    assertSays(run("tag", "-d", "ruby:current"), "Deleted tag default/ruby:current.");
    assertThat(history("ruby", "current").isMissingNode()).isTrue();

    assertSays(
        run("delete", "istag/ruby:static-2.0"),
        "imagestreamtag.image.openshift.io \"ruby:static-2.0\" deleted");
    assertThat(spec("ruby", "static-2.0").isMissingNode()).isTrue();
    assertThat(images()).contains(image.amd64());
  }

  @Test
  void streamsAreShown() {
    run("import-image", "ruby:2.0", "--from=" + from + ":2.0", "--confirm");

    assertSays(
        run("describe", "is", "ruby"),
        "Name:\t\t\truby",
        "Image Repository:\tregistry.example/default/ruby",
        "tagged from " + from + ":2.0",
        "* " + from + "@" + image.amd64());
    assertSays(
        run("get", "is,istag"),
        "imagestream.image.openshift.io/ruby",
        "registry.example/default/ruby",
        "imagestreamtag.image.openshift.io/ruby:2.0");
    assertSays(run("get", "is", "ruby", "-o", "name"), "imagestream.image.openshift.io/ruby");
    refused("not found", "get", "is", "nothing");
  }

  @Test
  void secretsAreMadeLinkedAndChanged() throws IOException {
    String file = Files.writeString(directory.resolve("config.json"), USER_DATA).toString();
    String old =
        Files.writeString(directory.resolve("dockercfg"), "{\"x.example\":{\"auth\":\"YTpi\"}}")
            .toString();

    assertSays(
        run(
            "create",
            "secret",
            "generic",
            "one",
            "--from-file=.dockerconfigjson=" + file,
            "--type=kubernetes.io/dockerconfigjson"),
        "secret/one created");
    run(
        "create",
        "secret",
        "generic",
        "two",
        "--from-file=.dockercfg=" + old,
        "--type=kubernetes.io/dockercfg");
    run(
        "create",
        "secret",
        "docker-registry",
        "three",
        "--docker-server=x.example",
        "--docker-username=a",
        "--docker-password=b");
    for (String name : List.of("one", "two", "three")) {
      assertThat(secret("default", name).path("type").asString()).as(name).contains("dockerc");
    }

    run("secrets", "link", "default", "one", "--for=pull");
    JsonNode account = get("/api/v1/namespaces/default/serviceaccounts/default");
    assertThat(account.path("imagePullSecrets").toString()).contains("\"one\"");

    run(
        "create",
        "secret",
        "generic",
        "pull-secret",
        "-n",
        "openshift-config",
        "--from-file=.dockerconfigjson=" + file,
        "--type=kubernetes.io/dockerconfigjson");
    assertSays(
        run(
            "get",
            "secret/pull-secret",
            "-n",
            "openshift-config",
            "--template={{index .data \".dockerconfigjson\" | base64decode}}"),
        USER_DATA);
    String changed = "{\"auths\":{\"y.example\":{\"auth\":\"YTpj\"}}}";
    Files.writeString(directory.resolve("config.json"), changed);
    run(
        "set",
        "data",
        "secret/pull-secret",
        "-n",
        "openshift-config",
        "--from-file=.dockerconfigjson=" + file);
    assertThat(
            new String(
                Base64.getDecoder()
                    .decode(
                        secret("openshift-config", "pull-secret")
                            .path("data")
                            .path(".dockerconfigjson")
                            .asString()),
                UTF_8))
        .isEqualTo(changed);
  }

  private JsonNode secret(String namespace, String name) {
    return get("/api/v1/namespaces/" + namespace + "/secrets/" + name);
  }

  @Test
  void mirrorSetsCountFromTheMomentTheyAreMade() throws IOException {
    var files = new LinkedHashMap<String, String>();
    files.put(
        "imagedigestmirrorset",
        """
        apiVersion: config.openshift.io/v1
        kind: ImageDigestMirrorSet
        metadata: {name: digests}
        spec: {imageDigestMirrors: [{source: far.example/team, mirrors: ["%s/proj"]}]}
        """);
    files.put(
        "imagetagmirrorset",
        """
        apiVersion: config.openshift.io/v1
        kind: ImageTagMirrorSet
        metadata: {name: tags}
        spec: {imageTagMirrors: [{source: far.example/team, mirrors: ["%s/proj"]}]}
        """);
    files.put(
        "imagecontentsourcepolicy",
        """
        apiVersion: operator.openshift.io/v1alpha1
        kind: ImageContentSourcePolicy
        metadata: {name: older}
        spec: {repositoryDigestMirrors: [{source: old.example/team, mirrors: ["%s/proj"]}]}
        """);
    for (Map.Entry<String, String> file : files.entrySet()) {
      Path path =
          Files.writeString(
              directory.resolve(file.getKey() + ".yaml"),
              file.getValue().formatted(upstream.host()));
      assertSays(run("create", "-f", path.toString()), file.getKey() + ".", "created");
    }

    assertThat(digest(pulled("far.example/team/ruby:2.0"))).isEqualTo(image.index());
    assertThat(digest(pulled("old.example/team/ruby@" + image.index()))).isEqualTo(image.index());
    run("delete", "imagetagmirrorset", "tags");
    assertThat(
            new Skopeo(directory)
                .inspect("--raw", "docker://" + server.host() + "/far.example/team/ruby:latest")
                .fail())
        .isNotEmpty();
  }

  @Test
  void rolesAreGrantedAcrossProjects() {
    run("new-project", "project-b");
    run(
        "policy",
        "add-role-to-user",
        "system:image-puller",
        "system:serviceaccount:project-a:default",
        "--namespace=project-b");
    run(
        "policy",
        "add-role-to-group",
        "system:image-puller",
        "system:serviceaccounts:project-a",
        "--namespace=project-b");

    String bindings =
        get("/apis/rbac.authorization.k8s.io/v1/namespaces/project-b/rolebindings").toString();
    assertThat(bindings)
        .contains("\"system:image-puller\"", "\"project-a\"", "system:serviceaccounts:project-a");
    assertSays(run("get", "projects"), "project-b", "Active");
    run(
        "policy",
        "remove-role-from-user",
        "system:image-puller",
        "system:serviceaccount:project-a:default",
        "--namespace=project-b");
    assertThat(run("whoami").status()).isZero();
  }

  @Test
  void changesAreWatched() throws IOException, InterruptedException {
    run("import-image", "ruby:2.0", "--from=" + from + ":2.0", "--confirm");
    if (!(oc instanceof RealOc real)) {
      return; // what a watch says is looked at in ApiTest too
    }
    Path out = directory.resolve("watched");
    Process watch =
        real.command("get", "istag", "-w", "-o", "name")
            .start(ProcessBuilder.Redirect.to(out.toFile()), ProcessBuilder.Redirect.DISCARD);
    try {
      await()
          .atMost(PATIENCE)
          .untilAsserted(() ->
              assertThat(Files.readString(out))
                  .contains("imagestreamtag.image.openshift.io/ruby:2.0"));
      run("tag", "ruby:2.0", "ruby:new");
      await()
          .atMost(PATIENCE)
          .untilAsserted(() ->
              assertThat(Files.readString(out))
                  .contains("imagestreamtag.image.openshift.io/ruby:new"));
    } finally {
      watch.destroy();
      watch.waitFor();
    }
  }
}
