package dev.cistern.conformance.clients;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * {@code cistern resolve} against containers/image, which says in its debug log where it tries to
 * pull from. No source answers: they are ports of loopback where nobody listens, or blocked.
 */
class MirrorSetResolveTest {
  private static final String DIGEST =
      "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  private static final String CONF =
      """
      [[registry]]
      location = "127.0.0.1:1"
      [[registry.mirror]]
      location = "127.0.0.1:2/wide"

      [[registry]]
      location = "127.0.0.1:1/ns"
      [[registry.mirror]]
      location = "127.0.0.1:2/all"
      pull-from-mirror = "all"
      [[registry.mirror]]
      location = "127.0.0.1:3/digests"
      pull-from-mirror = "digest-only"
      [[registry.mirror]]
      location = "127.0.0.1:4/tags"
      pull-from-mirror = "tag-only"
      insecure = true

      [[registry]]
      location = "127.0.0.1:1/ns/app"
      insecure = true

      [[registry]]
      prefix = "moved.invalid/old"
      location = "127.0.0.1:5/new/place"
      [[registry.mirror]]
      location = "127.0.0.1:6"

      [[registry]]
      location = "127.0.0.1:7/legacy"
      mirror-by-digest-only = true
      [[registry.mirror]]
      location = "127.0.0.1:8/legacy"

      [[registry]]
      location = "docker.io"
      blocked = true
      [[registry.mirror]]
      location = "127.0.0.1:9/hub"

      [[registry]]
      location = "docker.io/library/app"
      blocked = true
      [[registry.mirror]]
      location = "127.0.0.1:9/official/app"

      [[registry]]
      prefix = "*.wild.invalid"
      blocked = true
      [[registry.mirror]]
      location = "127.0.0.1:10/wild"

      [[registry]]
      prefix = "*.deep.wild.invalid"
      location = "127.0.0.1:10/deep"

      [[registry]]
      prefix = "exact.wild.invalid/kept"
      location = "127.0.0.1:10/exact"

      [[registry]]
      prefix = "*.plain.invalid"
      blocked = true

      [[registry]]
      location = "127.0.0.1:11/blocked"
      blocked = true

      [[registry]]
      prefix = "alias.invalid"
      location = "127.0.0.1:11/blocked/below"
      [[registry.mirror]]
      location = "127.0.0.1:11/blocked/mirror"
      [[registry.mirror]]
      location = "127.0.0.1:12/free"

      [[registry]]
      prefix = "forwarded.invalid"
      location = "127.0.0.1:15/elsewhere"
      blocked = true

      [[registry]]
      prefix = "127.0.0.1:1/ns/app:pinned"
      location = "127.0.0.1:16/pinned"

      [[registry]]
      prefix = "localhost"
      location = "127.0.0.1"
      """;
  private static final List<String> REFERENCES =
      List.of(
          "127.0.0.1:1/x",
          "127.0.0.1:1/x@DIGEST",
          "127.0.0.1:1/nsx/app:v1",
          "127.0.0.1:1/ns/other:v1",
          "127.0.0.1:1/ns/other@DIGEST",
          "127.0.0.1:1/ns:v1",
          "127.0.0.1:1/ns@DIGEST",
          "127.0.0.1:1/ns/app:v1",
          "127.0.0.1:1/ns/app/deeper@DIGEST",
          "127.0.0.1:1/ns/apple:v1",
          "moved.invalid/old/image:v1",
          "moved.invalid/old/image@DIGEST",
          "127.0.0.1:7/legacy/app:v1",
          "127.0.0.1:7/legacy/app@DIGEST",
          "busybox",
          "busybox:1",
          "org/app@DIGEST",
          "index.docker.io/org/app:v1",
          "docker.io/app:v1",
          "a.wild.invalid/x:v1",
          "a.b.wild.invalid/x",
          "a.deep.wild.invalid/x:v1",
          "exact.wild.invalid/kept/x:v1",
          "a.plain.invalid:5000/x:v1",
          "127.0.0.1:11/blocked/x:v1",
          "alias.invalid/x:v1",
          "forwarded.invalid/x:v1",
          "127.0.0.1:1/ns/app:pinned",
          "localhost:13/x:v1",
          "127.0.0.1:14/unlisted:v1");

  private static final Pattern TRYING = Pattern.compile("Trying to access \\\\\"(.+?)\\\\\"");
  private static final Pattern BLOCKED = Pattern.compile("failed: registry \\S+ is blocked");
  private static final String PLAIN = "msg=\"GET http://";
  private static final JsonMapper JSON = new JsonMapper();

  private Path directory;
  private Path conf;

  /** A place that an image is, or would be, pulled from. */
  private record Source(String reference, boolean isInsecure, boolean isBlocked) {}

  @BeforeEach
  void write(@TempDir Path temporary) throws IOException {
    directory = temporary;
    conf = Files.writeString(directory.resolve("registries.conf"), CONF);
  }

  private static List<String> references() {
    return REFERENCES;
  }

  /** What has no registry podman looks up in lists of its own. */
  private static List<String> referencesWithRegistry() {
    return REFERENCES.stream().filter(reference -> reference.matches("[^/]*[.:][^/]*/.*")).toList();
  }

  @ParameterizedTest
  @MethodSource("references")
  void skopeoTriesWhatResolveSays(String written) {
    Clients.need("skopeo");
    String reference = written.replace("DIGEST", DIGEST);

    String log = inspect(reference).fail();

    assertThat(tried(log)).isNotEmpty().isEqualTo(resolved(reference));
  }

  @ParameterizedTest
  @MethodSource("referencesWithRegistry")
  void podmanTriesWhatResolveSays(String written) {
    Clients.need("podman");
    Clients.needRoot();
    String reference = written.replace("DIGEST", DIGEST);
    try (Podman podman = new Podman(directory.resolve("podman"))) {
      podman.registries(CONF);

      String log = podman.podman("--log-level", "debug", "manifest", "inspect", reference).fail();

      assertThat(tried(log)).isNotEmpty().isEqualTo(resolved(reference));
    }
  }

  /** Where one source is no reference, the others are not tried either. */
  @ParameterizedTest
  @ValueSource(strings = {"a.wild.invalid:5000/x:v1", "moved.invalid/old:v1"})
  void bothRefuseWhatAnEntryMakesNoReferenceOf(String reference) {
    Clients.need("skopeo");

    assertThat(inspect(reference).fail()).contains("rewriting reference: invalid reference format");
    assertThat(resolve(reference).fail())
        .contains("error: " + reference + ": the entry with the prefix ");
  }

  /** With both, skopeo takes no reference; podman drops the tag, which we keep. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "127.0.0.1:1/ns/other:v1",
        "127.0.0.1:7/legacy/app:v1",
        "docker.io/library/app:v1",
        "a.wild.invalid/x:v1"
      })
  void podmanTriesForTagAndDigestWhatResolveSaysForTheDigest(String tagged) {
    Clients.need("podman");
    Clients.needRoot();
    try (Podman podman = new Podman(directory.resolve("podman"))) {
      podman.registries(CONF);
      String reference = tagged + "@" + DIGEST;

      String log = podman.podman("--log-level", "debug", "pull", reference).fail();

      List<Source> resolved =
          resolved(reference).stream()
              .map(source ->
                  new Source(
                      source.reference().replace(":v1@", "@"),
                      source.isInsecure(),
                      source.isBlocked()))
              .toList();
      // It tries all of them several times.
      assertThat(new LinkedHashSet<>(tried(log))).isNotEmpty().containsExactlyElementsOf(resolved);
    }
  }

  private Command inspect(String reference) {
    return new Skopeo(directory).by(conf, "--debug", "inspect", "--raw", "docker://" + reference);
  }

  private Command resolve(String reference) {
    return Command.cistern(
        "resolve", "-o", "json", "--registries-conf", conf.toString(), reference);
  }

  private List<Source> resolved(String reference) {
    return JSON.readTree(resolve(reference).run())
        .path("sources")
        .valueStream()
        .map(MirrorSetResolveTest::source)
        .toList();
  }

  private static Source source(JsonNode node) {
    return new Source(
        node.path("reference").asString(),
        node.path("insecure").asBoolean(false),
        node.path("blocked").asBoolean(false));
  }

  /** It says of a blocked source, too, that it tries, and then that it did not. */
  private static List<Source> tried(String log) {
    var sources = new ArrayList<Source>();
    Matcher trying = TRYING.matcher(log);
    boolean isThere = trying.find();
    while (isThere) {
      String reference = trying.group(1);
      int begin = trying.end();
      isThere = trying.find();
      String outcome = log.substring(begin, isThere ? trying.start() : log.length());
      sources.add(new Source(reference, outcome.contains(PLAIN), BLOCKED.matcher(outcome).find()));
    }
    return sources;
  }
}
