package dev.cistern.conformance;

import static dev.cistern.conformance.RegistryClient.header;
import static dev.cistern.conformance.RegistryClient.location;
import static dev.cistern.conformance.RegistryClient.sha256;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Random requests over a few repositories, each answer compared with a model: a repository reaches
 * a blob or manifest if and only if it was pushed or mounted there and not deleted since. To go
 * through one run again, start it with {@code -Dcistern.seed=SEED}.
 */
class IsolationTest {
  private static final int STEPS = 1_200;
  private static final int REMEMBERED = 12;
  private static final List<String> REPOSITORIES = List.of("iso", "iso/a", "iso/b");
  private static final List<String> TAGS = List.of("x", "y");

  /** Each is a manifest, and may be pushed as a blob too; some are large enough for a file. */
  private static final List<String> CONTENTS =
      IntStream.range(0, 5)
          .mapToObj(
              i -> ManifestText.image(ManifestText.field("note", "" + i + "x".repeat(i * 20_000))))
          .toList();

  @AutoClose private static CisternServer server;
  @AutoClose private static RegistryClient registry;

  private final long seed = Long.getLong("cistern.seed", System.nanoTime());
  private final Random random = new Random(seed);
  private final ArrayDeque<String> history = new ArrayDeque<>();
  private final Set<String> blobs = new HashSet<>();
  private final Set<String> manifests = new HashSet<>();
  private final Map<String, String> tags = new HashMap<>();

  @BeforeAll
  static void start(@TempDir Path data) {
    server = CisternServer.start(data);
    registry = new RegistryClient(server);
  }

  @Test
  void everyAnswerIsTheModels() {
    for (int i = 0; i < STEPS; i++) {
      String repository = any(REPOSITORIES);
      String content = any(CONTENTS);
      switch (random.nextInt(14)) {
        case 0 -> pushBlob(repository, content);
        case 1 -> pushManifest(repository, content);
        case 2 -> mount(repository, content, any(REPOSITORIES));
        case 3 -> mountFromAnywhere(repository, content);
        case 4 -> deleteBlob(repository, content);
        case 5 -> deleteManifest(repository, content);
        case 6 -> deleteTag(repository, any(TAGS));
        case 7 -> listTags(repository);
        case 8, 9, 10 -> pullBlob(repository, content);
        case 11, 12 -> pullManifest(repository, content);
        default -> pullTag(repository, any(TAGS));
      }
    }
  }

  private void pushBlob(String repository, String content) {
    String path = "/v2/" + repository + "/blobs/uploads/?digest=" + digest(content);
    expect(201, registry.send("POST", path, content.getBytes(UTF_8)), "POST " + path);
    blobs.add(key(repository, content));
  }

  private void pushManifest(String repository, String content) {
    String tag = any(TAGS);
    String path = "/v2/" + repository + "/manifests/" + tag;
    expect(
        201,
        registry.putManifest(repository, tag, ManifestText.OCI_IMAGE, content),
        "PUT " + path + " " + digest(content));
    manifests.add(key(repository, content));
    tags.put(repository + " " + tag, content);
  }

  private void mount(String repository, String content, String from) {
    String path =
        "/v2/" + repository + "/blobs/uploads/?mount=" + digest(content) + "&from=" + from;
    boolean isReachable = blobs.contains(key(from, content));
    HttpResponse<byte[]> reply = registry.post(path);
    expect(isReachable ? 201 : 202, reply, "POST " + path);
    if (isReachable) {
      blobs.add(key(repository, content));
    } else {
      registry.delete(location(reply));
    }
  }

  private void mountFromAnywhere(String repository, String content) {
    if (REPOSITORIES.stream().noneMatch(other -> blobs.contains(key(other, content)))) {
      return; // whether the server still has it is its own business
    }
    String path = "/v2/" + repository + "/blobs/uploads/?mount=" + digest(content);
    expect(201, registry.post(path), "POST " + path);
    blobs.add(key(repository, content));
  }

  private void deleteBlob(String repository, String content) {
    String path = "/v2/" + repository + "/blobs/" + digest(content);
    boolean isThere = blobs.remove(key(repository, content));
    expect(isThere ? 202 : 404, registry.delete(path), "DELETE " + path);
  }

  private void deleteManifest(String repository, String content) {
    String path = "/v2/" + repository + "/manifests/" + digest(content);
    boolean isThere = manifests.remove(key(repository, content));
    expect(isThere ? 202 : 404, registry.delete(path), "DELETE " + path);
    TAGS.forEach(tag -> tags.remove(repository + " " + tag, content));
  }

  private void deleteTag(String repository, String tag) {
    String path = "/v2/" + repository + "/manifests/" + tag;
    boolean isThere = tags.remove(repository + " " + tag) != null;
    expect(isThere ? 202 : 404, registry.delete(path), "DELETE " + path);
  }

  private void listTags(String repository) {
    String path = "/v2/" + repository + "/tags/list";
    boolean isThere =
        CONTENTS.stream().anyMatch(content -> manifests.contains(key(repository, content)));
    var expected = new TreeSet<>(TAGS);
    expected.removeIf(tag -> !tags.containsKey(repository + " " + tag));
    HttpResponse<byte[]> reply = registry.get(path);
    expect(isThere ? 200 : 404, reply, "GET " + path);
    if (isThere) {
      assertThat(RegistryClient.json(reply).path("tags").valueStream().map(tag -> tag.asString()))
          .as(this::story)
          .containsExactlyElementsOf(expected);
    }
  }

  private void pullBlob(String repository, String content) {
    String path = "/v2/" + repository + "/blobs/" + digest(content);
    pull(path, blobs.contains(key(repository, content)) ? content : null);
  }

  private void pullManifest(String repository, String content) {
    String path = "/v2/" + repository + "/manifests/" + digest(content);
    pull(path, manifests.contains(key(repository, content)) ? content : null);
  }

  private void pullTag(String repository, String tag) {
    pull("/v2/" + repository + "/manifests/" + tag, tags.get(repository + " " + tag));
  }

  private void pull(String path, @Nullable String content) {
    boolean isHead = random.nextBoolean();
    HttpResponse<byte[]> reply = isHead ? registry.head(path) : registry.get(path);
    expect(content == null ? 404 : 200, reply, (isHead ? "HEAD " : "GET ") + path);
    if (content != null) {
      assertThat(header(reply, "Docker-Content-Digest")).as(this::story).isEqualTo(digest(content));
      assertThat(RegistryClient.text(reply)).as(this::story).isEqualTo(isHead ? "" : content);
    }
  }

  private void expect(int status, HttpResponse<byte[]> reply, String what) {
    history.add(what + " -> " + reply.statusCode());
    if (history.size() > REMEMBERED) {
      history.remove();
    }
    assertThat(reply.statusCode()).as(this::story).isEqualTo(status);
  }

  private String story() {
    return "-Dcistern.seed=" + seed + ", the last requests:\n" + String.join("\n", history) + "\n";
  }

  private <T> T any(List<T> choices) {
    return choices.get(random.nextInt(choices.size()));
  }

  private static String key(String repository, String content) {
    return repository + " " + digest(content);
  }

  private static String digest(String content) {
    return sha256(content.getBytes(UTF_8));
  }
}
