package dev.cistern.storage;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * One pushes images that share layers, hours after each other, and moves their tags; another prunes
 * all there is, all the time. What was pushed and is tagged is whole, always.
 */
class PruningRaceTest {
  private static final int PUSHES = 150;
  private static final List<RepositoryName> NAMES =
      List.of(new RepositoryName("a"), new RepositoryName("b"));
  private static final List<byte[]> BLOBS =
      IntStream.range(0, 5).mapToObj(i -> Pushes.bytes("blob " + i)).toList();
  private static final List<byte[]> IMAGES =
      IntStream.range(0, 12)
          .mapToObj(i ->
              Pushes.image(
                  "image " + i,
                  Optional.empty(),
                  Digest.of(BLOBS.get(i % 5)),
                  Digest.of(BLOBS.get(i / 4))))
          .toList();

  private final SetClock clock = new SetClock(Instant.parse("2026-11-01T00:00:00Z"));
  private final Map<String, Digest> tags = new HashMap<>();

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  @Timeout(120)
  void whatIsPushedWhileAnotherPrunesIsWhole(long seed, @TempDir Path directory)
      throws IOException {
    var random = new SplittableRandom(seed);
    var isOver = new AtomicBoolean();
    try (Store store = Store.open(directory, clock)) {
      CompletableFuture<Integer> pruner =
          CompletableFuture.supplyAsync(() -> pruneUntil(store, isOver));
      try {
        for (int i = 0; i < PUSHES && !pruner.isDone(); i++) {
          clock.advance(Duration.ofHours(random.nextInt(3)));
          push(random, store, "seed " + seed + ", push " + i);
        }
      } finally {
        isOver.set(true);
      }
      assertThat(pruner.join()).as("seed " + seed + ": manifests that were pruned").isPositive();
      for (Map.Entry<String, Digest> tag : tags.entrySet()) {
        String[] parts = tag.getKey().split(":", -1);
        assertWhole(store, new RepositoryName(parts[0]), tag.getValue(), "seed " + seed);
      }
      Audit.counted(store, directory, "seed " + seed);
    }
    Audit.closed(directory, "seed " + seed);
  }

  private int pruneUntil(Store store, AtomicBoolean isOver) {
    int pruned = 0;
    try {
      boolean isLast;
      do { // the last round begins when all is pushed
        isLast = isOver.get();
        for (RepositoryName name : NAMES) {
          for (byte[] image : IMAGES) {
            Instant limit = clock.instant().minus(Duration.ofMinutes(5));
            Pruned done = store.repositories().prune(name, Digest.of(image), limit);
            pruned += done instanceof Pruned.Removed ? 1 : 0;
          }
        }
      } while (!isLast);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    return pruned;
  }

  private void push(SplittableRandom random, Store store, String when) throws IOException {
    RepositoryName name = NAMES.get(random.nextInt(NAMES.size()));
    byte[] image = IMAGES.get(random.nextInt(IMAGES.size()));
    for (Digest blob : blobs(image)) {
      Blobs blobs = store.blobs();
      blobs.keep(name, blob); // as a HEAD does, before it says that the blob is here
      boolean isHere = blobs.isLinked(name, blob) && blobs.size(blob).isPresent();
      if (!isHere && (random.nextBoolean() || !blobs.link(name, blob, Origin.PUSHED))) {
        Pushes.blob(store, name, content(blob));
      }
    }
    String tag = "v" + random.nextInt(3);
    Digest pushed = Pushes.manifest(store, name, image, Origin.PUSHED, tag);
    tags.put(name + ":" + tag, pushed);
    assertWhole(store, name, pushed, when);
    assertThat(store.repositories().tag(name, new Tag(tag)).orElseThrow().digest())
        .as(when)
        .isEqualTo(pushed);
  }

  private static void assertWhole(Store store, RepositoryName name, Digest image, String when)
      throws IOException {
    assertThat(store.repositories().manifest(name, image)).as(when).isPresent();
    byte[] bytes = store.repositories().manifest(name, image).orElseThrow().bytes();
    for (Digest blob : blobs(bytes)) {
      assertThat(store.blobs().isLinked(name, blob)).as(when + ": " + blob).isTrue();
      try (Blob open = store.blobs().open(blob).orElseThrow()) {
        assertThat(open.readAll()).as(when).isEqualTo(content(blob));
      }
    }
  }

  private static List<Digest> blobs(byte[] image) {
    return BLOBS.stream()
        .map(Digest::of)
        .filter(blob -> new String(image, UTF_8).contains(blob.hex()))
        .toList();
  }

  private static byte[] content(Digest digest) {
    return BLOBS.stream().filter(blob -> Digest.of(blob).equals(digest)).findFirst().orElseThrow();
  }
}
