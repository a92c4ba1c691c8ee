package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What pruning removes and what it must not: by our order, and by the requests of OpenShift's own
 * pruner. {@code -Dcistern.seed} repeats the random schedule.
 */
class PruneTest {
  private static final int STEPS = 150;
  private static final int MOST_REVISIONS = 3;
  private static final String JSON = "application/json";
  private static final String WHOLE =
      ",'importPolicy':{'importMode':'PreserveOriginal'},'referencePolicy':{'type':'Local'}";
  private static final List<String> STREAMS = List.of("a", "b");
  private static final List<String> TAGS = List.of("x", "y");

  @TempDir Path directory;

  private final long seed = Long.getLong("cistern.seed", System.nanoTime());
  private final Random random = new Random(seed);
  private final UpstreamRegistry upstream = UpstreamRegistry.start();
  private final List<Multiplatform> all = new ArrayList<>();

  @SuppressWarnings("NullAway.Init")
  private CisternServer server;

  @SuppressWarnings("NullAway.Init")
  private TestClient client;

  @SuppressWarnings("NullAway.Init")
  private ApiClient api;

  @BeforeEach
  void start() {
    server =
        new TestConfig(directory)
            .registry("up.example", upstream, "insecure: true")
            .line("storage: {gcGrace: 0s}")
            .line("prune: {keepYoungerThan: 0s}")
            .line("imports: {prefetch: [all]}")
            .start();
    client = new TestClient(server);
    api = new ApiClient(server);
    api.makeNamespace("team");
  }

  @AfterEach
  void stop() {
    api.close();
    client.close();
    server.close();
    upstream.close();
  }

  /** Publishes a new image at a tag of the upstream and imports it. */
  private Multiplatform imported(String stream, String tag) {
    Multiplatform image = Multiplatform.of(all.size());
    all.add(image);
    image.addTo(upstream, "org/" + stream, tag);
    api.importTag("team", stream, tag, "up.example/org/" + stream + ":" + tag, WHOLE);
    return image;
  }

  private JsonNode prune(int revisions, boolean isConfirmed) {
    ApiClient.Said said =
        api.post(
            "/admin/prune",
            "{'keepYoungerThanSeconds':0,'keepTagRevisions':%d,'confirm':%b}"
                .formatted(revisions, isConfirmed));
    assertThat(said.status()).isEqualTo(200);
    return said.json();
  }

  private int status(String stream, String digest) {
    return client.head("/v2/team/" + stream + "/manifests/" + digest).status();
  }

  private long bytesOnDisk() {
    try (Stream<Path> files = Files.walk(directory.resolve("data/blobs"))) {
      return files.filter(Files::isRegularFile).mapToLong(file -> file.toFile().length()).sum();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void awaitComplete(String stream) {
    await()
        .untilAsserted(() ->
            assertThat(api.history("team", stream).values())
                .allSatisfy(items ->
                    assertThat(items.getFirst().path("completeness").path("here"))
                        .isEqualTo(items.getFirst().path("completeness").path("parts"))));
  }

  @Test
  void aTrialSaysWhatAPruneRemoves() {
    Multiplatform first = imported("a", "x");
    Multiplatform second = imported("a", "x");
    awaitComplete("a");

    JsonNode trial = prune(1, false);
    assertThat(api.images()).contains(first.digest());
    JsonNode done = prune(1, true);

    assertThat(done.path("summary")).isEqualTo(trial.path("summary"));
    assertThat(done.path("done")).isEqualTo(trial.path("done"));
    assertThat(done.path("summary").path("items").asInt()).isEqualTo(1);
    assertThat(done.path("summary").path("images").asInt()).isEqualTo(3);
    assertThat(api.images())
        .containsExactlyInAnyOrder(second.digest(), second.child(0), second.child(1));
    assertThat(prune(1, true).path("summary").path("images").asInt()).isZero();
  }

  @Test
  void aChildThatIsTaggedStaysAndTheIndexGoes() {
    Multiplatform image = imported("a", "x");
    imported("a", "x");
    set("y", "ImageStreamImage", "a@" + image.child(1));

    prune(1, true);

    assertThat(api.images())
        .contains(image.child(1))
        .doesNotContain(image.digest(), image.child(0));
    upstream.goAway();
    assertThat(status("a", image.child(1))).isEqualTo(200);
  }

  @Test
  void whatIsPinnedStays() {
    Multiplatform image = imported("a", "x");
    imported("a", "x");
    api.post("/admin/pin", "{'reference':'team/a@" + image.digest() + "'}");

    prune(1, true);

    assertThat(api.images()).contains(image.digest(), image.child(0), image.child(1));
  }

  @Test
  void whatIsYoungOrWasPulledLatelyStays() {
    Multiplatform image = imported("a", "x");
    imported("a", "x");

    ApiClient.Said said =
        api.post(
            "/admin/prune", "{'keepTagRevisions':1,'keepYoungerThanSeconds':3600,'confirm':true}");

    assertThat(said.json().path("summary").path("images").asInt()).isZero();
    assertThat(api.images()).contains(image.digest());
  }

  @Test
  void openShiftsPrunerMayTakeWhatNobodyUses() {
    Multiplatform first = imported("a", "x");
    Multiplatform second = imported("a", "x");
    awaitComplete("a");
    String stream = ApiClient.streams("team") + "/a";
    var json = (ObjectNode) api.get(stream).json();

    assertThat(api.delete(ApiClient.IMAGES + "/images/" + first.digest()).message())
        .contains("image stream team/a names it");
    ((ArrayNode) json.path("status").path("tags").path(0).path("items")).remove(1);
    assertThat(api.put(stream + "/status", json).status()).isEqualTo(200);
    assertThat(client.delete("/v2/team/a/manifests/" + first.digest()).status()).isEqualTo(202);
    for (byte[] blob : first.blobs()) {
      assertThat(client.delete("/admin/blobs/" + Samples.digest(blob)).status()).isIn(204, 404);
    }
    for (String image : List.of(first.digest(), first.child(0), first.child(1))) {
      assertThat(api.delete(ApiClient.IMAGES + "/images/" + image).status()).isEqualTo(200);
    }

    for (byte[] blob : second.blobs()) {
      assertThat(client.delete("/admin/blobs/" + Samples.digest(blob)).status()).isEqualTo(409);
    }
    assertThat(client.delete("/admin/blobs/" + first.digest()).status()).isEqualTo(404);
    assertThat(api.images())
        .containsExactlyInAnyOrder(second.digest(), second.child(0), second.child(1));
    assertThat(bytesOnDisk())
        .isEqualTo(second.blobs().stream().mapToLong(blob -> blob.length).sum());
  }

  @Test
  void badOrdersAreRefused() {
    for (String order :
        List.of("{'keepTagRevisions':-1}", "{'keepYoungerThanSeconds':'1h'}", "[")) {
      assertThat(api.post("/admin/prune", order).status()).as(order).isEqualTo(400);
    }
    assertThat(client.delete("/admin/blobs/sha256:0").status()).isEqualTo(400);
  }

  private void set(String tag, String kind, String from) {
    ApiClient.Said said =
        api.send(
            "PUT",
            ApiClient.tags("team") + "/a:" + tag,
            JSON,
            """
            {'kind':'ImageStreamTag','apiVersion':'image.openshift.io/v1','metadata':
             {'name':'a:%s','namespace':'team'},'tag':{'from':{'kind':'%s','name':'%s'}}}
            """
                .formatted(tag, kind, from));
    assertThat(said.status()).as(said.message()).isBetween(200, 201);
  }

  @Test
  void nothingInUseIsEverRemovedAndEverythingElseIs() {
    var pinned = new HashSet<String>();
    imported("a", "x");
    imported("b", "x");
    for (int step = 0; step < STEPS; step++) {
      switch (random.nextInt(8)) {
        case 0, 1, 2 -> imported(any(STREAMS), any(TAGS));
        case 3 -> {
          if (!api.latest("team", "a", "x").isEmpty()) {
            set("alias", "ImageStreamTag", "a:x");
          }
        }
        case 4 -> setChild();
        case 5 -> api.delete(ApiClient.tags("team") + "/" + any(STREAMS) + ":" + any(TAGS));
        case 6 -> pin(pinned);
        default -> pruneAndLook(1 + random.nextInt(MOST_REVISIONS), pinned);
      }
    }
    pruneAndLook(1, pinned);
  }

  private <T> T any(List<T> choices) {
    return choices.get(random.nextInt(choices.size()));
  }

  /** Tags one platform of what stream a has. */
  private void setChild() {
    List<JsonNode> items =
        api.history("team", "a").values().stream().flatMap(List::stream).toList();
    for (JsonNode item : items) {
      for (Multiplatform image : all) {
        if (image.digest().equals(item.path("image").asString())) {
          set("child", "ImageStreamImage", "a@" + image.child(random.nextInt(2)));
          return;
        }
      }
    }
  }

  private void pin(Set<String> pinned) {
    Multiplatform image = any(all);
    if (pinned.size() < 2
        && digests("a").values().stream().anyMatch(one -> one.contains(image.digest()))) {
      api.post("/admin/pin", "{'reference':'team/a@" + image.digest() + "'}");
      pinned.add(image.digest());
    }
  }

  private void pruneAndLook(int revisions, Set<String> pinned) {
    Map<String, List<String>> before = digests("a");
    for (String stream : STREAMS) {
      awaitComplete(stream);
    }
    long bytes = bytesOnDisk();
    JsonNode done = prune(revisions, true);

    var kept = new HashSet<String>();
    var images = new ArrayList<String>(pinned);
    for (String stream : STREAMS) {
      api.history("team", stream)
          .values()
          .forEach(items -> items.forEach(item -> images.add(item.path("image").asString())));
    }
    before.forEach((tag, digests) ->
        assertThat(digests("a").get(tag))
            .as(story("the items of " + tag))
            .isEqualTo(
                IntStream.range(0, digests.size())
                    .filter(i -> i < revisions || pinned.contains(digests.get(i)))
                    .mapToObj(digests::get)
                    .toList()));
    images.forEach(image -> kept.addAll(withChildren(image)));
    assertThat(api.images()).as(story("images")).containsExactlyInAnyOrderElementsOf(kept);
    assertThat(bytes - bytesOnDisk())
        .as(story("bytes"))
        .isEqualTo(done.path("summary").path("bytes").asLong());
    upstream.goAway();
    for (String image : images) {
      assertThat(STREAMS.stream().anyMatch(stream -> status(stream, image) == 200))
          .as(story(image))
          .isTrue();
    }
    upstream.comeBack();
  }

  /** Returns the images of each tag of a stream, the newest first. */
  private Map<String, List<String>> digests(String stream) {
    var digests = new TreeMap<String, List<String>>();
    api.history("team", stream)
        .forEach((tag, items) ->
            digests.put(tag, items.stream().map(item -> item.path("image").asString()).toList()));
    return digests;
  }

  private Set<String> withChildren(String digest) {
    for (Multiplatform image : all) {
      if (image.digest().equals(digest)) {
        return Set.of(digest, image.child(0), image.child(1));
      }
    }
    return Set.of(digest);
  }

  private String story(String what) {
    return what + ", -Dcistern.seed=" + seed;
  }
}
