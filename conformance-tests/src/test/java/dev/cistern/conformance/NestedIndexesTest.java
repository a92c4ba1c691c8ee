package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;

/**
 * Indexes that name indexes: each names the next many times, so that a walk that does not remember
 * what it has seen never ends; and rows of them that are longer than is followed.
 */
class NestedIndexesTest {
  private static final int NAMED_TIMES = 10;
  private static final int NESTED = 14;
  private static final int MAX_LEVELS = 32;
  private static final String TOO_LONG =
      "manifest invalid: it leads to 33 levels of manifests, at most 32 are followed";

  @TempDir static Path directory;

  @SuppressWarnings("NullAway.Init")
  private static UpstreamRegistry upstream;

  @SuppressWarnings("NullAway.Init")
  private static CisternServer server;

  @SuppressWarnings("NullAway.Init")
  private static ApiClient api;

  @SuppressWarnings("NullAway.Init")
  private static RegistryClient registry;

  @BeforeAll
  static void start() {
    upstream = UpstreamRegistry.start();
    server = new TestConfig(directory).upstream("up", upstream, "insecure: true").start();
    api = new ApiClient(server);
    registry = new RegistryClient(server);
    api.makeNamespace("team");
  }

  @AfterAll
  static void stop() {
    registry.close();
    api.close();
    server.close();
    upstream.close();
  }

  /** What walks over manifests. */
  enum Walk {
    COPY,
    COMPLETENESS,
    DELETE,
    PRUNE,
    PREHEAT,
    IMPORT
  }

  @ParameterizedTest
  @EnumSource
  @Timeout(value = 5, unit = TimeUnit.MINUTES) // what does not end fails so
  void aSmallGraphThatNamesItselfOverAndOverIsWalkedOnce(Walk walk) {
    List<String> graph = graph("graph " + walk, NESTED, NAMED_TIMES);
    String name = walk.name().toLowerCase(Locale.ROOT);
    switch (walk) {
      case COPY -> {
        push("team/" + name, graph);
        assertThat(copied(name, "copy-" + name).status()).isEqualTo(201);
        assertThat(
                registry
                    .head("/v2/team/copy-" + name + "/manifests/" + digest(graph.getFirst()))
                    .statusCode())
            .isEqualTo(200);
      }
      case COMPLETENESS -> {
        push("team/" + name, graph);
        assertThat(copied(name, "copy-" + name).status()).isEqualTo(201);
        JsonNode item =
            api.get(ApiClient.streams("team") + "/copy-" + name)
                .json()
                .at("/status/tags/0/items/0/completeness");
        assertThat(item.path("parts").asInt()).isEqualTo(NESTED + 1);
      }
      case DELETE -> {
        push("team/" + name, graph);
        assertThat(
                registry
                    .delete("/v2/team/" + name + "/manifests/" + digest(graph.getLast()))
                    .statusCode())
            .isEqualTo(202);
      }
      case PRUNE -> {
        push("team/" + name, graph);
        assertThat(api.post("/admin/prune", "{'keepYoungerThanSeconds':0}").status())
            .isEqualTo(200);
      }
      case PREHEAT -> {
        serve(name, graph);
        assertThat(preheated(name).path("state").asString()).isEqualTo("done");
      }
      case IMPORT -> {
        serve(name, graph);
        api.importTag(
            "team",
            "import",
            "v1",
            upstream.host() + "/" + name + ":v1",
            ",'importPolicy':{'insecure':true,'importMode':'PreserveOriginal'}");
        assertThat(api.latest("team", "import", "v1")).isEqualTo(digest(graph.getLast()));
      }
    }
    assertThat(registry.pushBlob("team/after", name.getBytes(UTF_8))).startsWith("sha256:");
  }

  @Test
  void aRowAtTheBoundIsFollowedAndOneLongerIsRefusedBeforeAnythingIsChanged() {
    List<String> row = graph("row", MAX_LEVELS + 1, 1);
    push("team/row", row.subList(0, MAX_LEVELS));
    assertThat(copied("row", "copied").status()).isEqualTo(201);
    assertThat(tags("copied")).contains("\"v1\"");

    push("team/row", row);
    ApiClient.Said refused = copied("row", "refused");
    assertThat(refused.status()).isEqualTo(422);
    assertThat(refused.message()).isEqualTo(TOO_LONG);
    assertThat(registry.get("/v2/team/refused/tags/list").statusCode()).isEqualTo(404);
    assertThat(api.get(ApiClient.streams("team") + "/refused").status()).isEqualTo(404);
    for (String manifest : row) {
      assertThat(registry.head("/v2/team/refused/manifests/" + digest(manifest)).statusCode())
          .isEqualTo(404);
    }
  }

  @Test
  void aPreheatAtTheBoundIsDoneAndOneBeyondItFails() {
    List<String> row = graph("preheated row", MAX_LEVELS + 1, 1);
    serve("short", row.subList(0, MAX_LEVELS));
    assertThat(preheated("short").path("state").asString()).isEqualTo("done");

    serve("long", row);
    JsonNode failed = preheated("long");
    assertThat(failed.path("state").asString()).isEqualTo("failed");
    assertThat(failed.path("failure").asString()).isEqualTo(TOO_LONG);
  }

  @Test
  void writesOfTheIndexAreMetrics() {
    String before = metrics();
    assertThat(before).contains("cistern_index_write_queue 0.0");
    assertThat(before).contains("# TYPE cistern_index_write_seconds histogram");
    registry.pushBlob("team/metrics", "counted".getBytes(UTF_8));

    assertThat(writes(metrics())).isGreaterThan(writes(before));
  }

  private static String metrics() {
    return new String(registry.get("/metrics").body(), UTF_8);
  }

  private static double writes(String metrics) {
    return metrics
        .lines()
        .filter(line -> line.startsWith("cistern_index_write_seconds_count "))
        .mapToDouble(line -> Double.parseDouble(line.substring(line.indexOf(' ') + 1)))
        .sum();
  }

  /** Returns an image, and indexes each of which names the one before it; the last names all. */
  private static List<String> graph(String name, int manifests, int times) {
    var graph = new ArrayList<>(List.of(ManifestText.image(annotation(name))));
    String type = ManifestText.OCI_IMAGE;
    while (graph.size() < manifests) {
      String below = graph.getLast();
      String child = ManifestText.descriptor(type, digest(below), below.getBytes(UTF_8).length);
      graph.add(
          ManifestText.index(
              String.join(",", Collections.nCopies(times, child)), annotation(name)));
      type = ManifestText.OCI_INDEX;
    }
    return graph;
  }

  private static String annotation(String name) {
    return ",\"annotations\":{\"name\":\"%s\"}".formatted(name);
  }

  private static String digest(String manifest) {
    return Samples.digest(manifest.getBytes(UTF_8));
  }

  /** Pushes manifests, the last under the tag v1. */
  private static void push(String repository, List<String> graph) {
    registry.pushBlob(repository, "{}".getBytes(UTF_8));
    for (int i = 0; i < graph.size(); i++) {
      registry.pushManifest(
          repository,
          i == graph.size() - 1 ? "v1" : digest(graph.get(i)),
          i == 0 ? ManifestText.OCI_IMAGE : ManifestText.OCI_INDEX,
          graph.get(i));
    }
  }

  /** Has the upstream serve manifests, the last under the tag v1. */
  private static void serve(String repository, List<String> graph) {
    upstream.addBlob(repository, "{}".getBytes(UTF_8));
    upstream.addManifest(repository, graph.getFirst().getBytes(UTF_8));
    for (String index : graph.subList(1, graph.size())) {
      upstream.addIndex(
          repository,
          index.getBytes(UTF_8),
          index.equals(graph.getLast()) ? new String[] {"v1"} : new String[0]);
    }
  }

  private static ApiClient.Said copied(String from, String to) {
    return api.post(
        ApiClient.tags("team"),
        """
        {'kind':'ImageStreamTag','apiVersion':'image.openshift.io/v1','metadata':{'name':'%s:v1'},
         'tag':{'from':{'kind':'ImageStreamTag','name':'%s:v1'},'referencePolicy':{'type':'Local'}}}
        """
            .formatted(to, from));
  }

  private static String tags(String stream) {
    return api.get(ApiClient.streams("team") + "/" + stream).json().path("status").toString();
  }

  /** Preheats an image, and returns how it ended. */
  private static JsonNode preheated(String repository) {
    String reference = upstream.host() + "/" + repository + ":v1";
    JsonNode begun =
        api.post("/admin/preheat", "{'references':['%s']}".formatted(reference)).json();
    String path = "/admin/preheat?id=" + begun.path("id").asInt();
    await().until(() -> !"running".equals(api.get(path).json().path("state").asString()));
    return api.get(path).json();
  }
}
