package dev.cistern.storage;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Pushes, mounts, pulls, readers, evictions and collections at the same time, over the same few
 * blobs, in a store that is always nearly full: what a push was acknowledged for is always whole,
 * what is open can be read to its end, the limit holds, and at rest the books are right.
 */
class SpaceRaceTest {
  private static final long LIMIT = 3L << 20;
  private static final int ROUNDS = 4;
  private static final int STEPS = 25;
  private static final Duration GRACE = Duration.ofHours(1);
  private static final List<byte[]> BLOBS = blobs();

  private final SetClock clock = new SetClock(Instant.parse("2026-11-01T00:00:00Z"));
  private final Set<Digest> downloads = ConcurrentHashMap.newKeySet();

  /** An image that was acknowledged. */
  private record Image(Digest manifest, List<Digest> blobs) {}

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void whatWasAcknowledgedIsWholeWhateverRunsBesideIt(long seed, @TempDir Path directory)
      throws Exception {
    var random = new SplittableRandom(seed);
    var limits = new StorageLimits(OptionalLong.of(LIMIT), OptionalLong.of(0), GRACE);
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
        Store store = Store.open(directory, limits, clock)) {
      var actors =
          List.of(
              new Pusher(store, "push/a", random.split()),
              new Pusher(store, "push/b", random.split()),
              new Puller(store, "pull/a", random.split()),
              new Puller(store, "pull/b", random.split()),
              new Reader(store, random.split()),
              new Cleaner(store, random.split()));
      for (int round = 0; round < ROUNDS; round++) {
        for (Future<Void> end : threads.invokeAll(actors)) {
          try {
            end.get();
          } catch (ExecutionException e) {
            throw new AssertionError("seed " + seed + ", round " + round, e.getCause());
          }
        }
        Audit.counted(store, directory, "seed " + seed + ", round " + round);
        clock.advance(GRACE.multipliedBy(2));
      }
      store.collect();
    }
    Audit.closed(directory, "seed " + seed);
    Audit.reachable(directory, "seed " + seed);
  }

  /** Does something a number of times. */
  private abstract static class Actor implements Callable<Void> {
    final Store store;
    final SplittableRandom random;

    Actor(Store store, SplittableRandom random) {
      this.store = store;
      this.random = random;
    }

    abstract void step(int number) throws IOException;

    void rest() {}

    @Override
    public Void call() throws IOException {
      for (int i = 0; i < STEPS; i++) {
        step(i);
        assertThat(store.contentBytes()).isLessThanOrEqualTo(LIMIT);
      }
      rest();
      return null;
    }

    byte[] anyBlob() {
      return BLOBS.get(random.nextInt(BLOBS.size()));
    }
  }

  private static final class Pusher extends Actor {
    private final RepositoryName name;
    private final Deque<Image> images = new ArrayDeque<>();

    Pusher(Store store, String name, SplittableRandom random) {
      super(store, random);
      this.name = new RepositoryName(name);
    }

    @Override
    void step(int number) throws IOException {
      List<byte[]> blobs = List.of(anyBlob(), anyBlob());
      try {
        for (byte[] blob : blobs) {
          if (!isTold(Digest.of(blob))) {
            upload(blob);
          }
        }
        List<Digest> digests = blobs.stream().map(Digest::of).toList();
        byte[] bytes =
            Pushes.image(
                name + " " + random.nextLong(), Optional.empty(), digests.toArray(Digest[]::new));
        images.add(
            new Image(Pushes.manifest(store, name, bytes, Origin.PUSHED, "t" + number), digests));
      } catch (StoreFullException e) {
        assertThat(e).hasMessageContaining("maxSize");
        deleteOldest();
      }
      if (images.size() > 2) {
        deleteOldest();
      }
      for (Image image : images) {
        assertWhole(image);
      }
    }

    /** As HEAD of a blob, and then a mount. */
    private boolean isTold(Digest digest) throws IOException {
      store.blobs().keep(name, digest);
      boolean isHere =
          store.blobs().isLinked(name, digest) && store.blobs().size(digest).isPresent();
      return isHere || store.blobs().link(name, digest, Origin.PUSHED);
    }

    private void upload(byte[] content) throws IOException {
      Upload upload = store.uploads().start(name, "somebody", Digest.Algorithm.SHA256);
      try (Upload.Hold hold = upload.hold()) {
        int half = content.length / 2;
        hold.append(ByteBuffer.wrap(content, 0, half));
        hold.append(ByteBuffer.wrap(content, half, content.length - half));
        hold.finish(Digest.of(content));
      } catch (StoreFullException e) {
        upload.cancel();
        throw e;
      }
    }

    private void deleteOldest() throws IOException {
      if (!images.isEmpty()) {
        Image image = images.remove();
        assertThat(store.repositories().delete(name, image.manifest())).isTrue();
        for (Digest blob : image.blobs()) {
          if (images.stream().noneMatch(other -> other.blobs().contains(blob))) {
            store.blobs().unlink(name, blob);
          }
        }
      }
    }

    private void assertWhole(Image image) throws IOException {
      assertThat(store.repositories().manifest(name, image.manifest())).isPresent();
      for (Digest digest : image.blobs()) {
        assertThat(store.blobs().isLinked(name, digest)).isTrue();
        Optional<Blob> blob = store.blobs().open(digest);
        assertThat(blob).as("blob %s of a pushed image", digest).isPresent();
        try (Blob open = blob.orElseThrow()) {
          assertThat(Digest.of(open.readAll())).isEqualTo(digest);
        }
      }
    }
  }

  private final class Puller extends Actor {
    private final RepositoryName name;

    Puller(Store store, String name, SplittableRandom random) {
      super(store, random);
      this.name = new RepositoryName(name);
    }

    @Override
    void step(int number) throws IOException {
      List<byte[]> blobs = List.of(anyBlob(), anyBlob());
      byte[] bytes =
          Pushes.image(
              "image " + random.nextInt(8),
              Optional.empty(),
              blobs.stream().map(Digest::of).toArray(Digest[]::new));
      Digest manifest = Pushes.manifest(store, name, bytes, Origin.CACHED, "v" + random.nextInt(5));
      store.repositories().used(name, manifest);
      for (byte[] blob : blobs) {
        Digest digest = Digest.of(blob);
        if (store.blobs().size(digest).isEmpty() && downloads.add(digest)) {
          try {
            download(digest, blob);
          } catch (StoreFullException e) {
            assertThat(e).hasMessageContaining("maxSize");
          } finally {
            downloads.remove(digest);
          }
        }
      }
      if (random.nextInt(5) == 0) {
        store.repositories().purge(name, manifest);
      }
    }

    private void download(Digest digest, byte[] content) throws IOException {
      try (PartialBlob partial = store.blobs().partial(digest)) {
        partial.resume();
        partial.reserve(content.length - partial.length());
        int from = Math.toIntExact(partial.length());
        int half = Math.max(from, content.length / 2);
        partial.append(ByteBuffer.wrap(content, from, half - from), length -> {});
        if (random.nextInt(6) > 0) {
          partial.append(ByteBuffer.wrap(content, half, content.length - half), length -> {});
          partial.commit();
        }
      }
    }
  }

  private static final class Reader extends Actor {
    private final List<Blob> open = new ArrayList<>();

    Reader(Store store, SplittableRandom random) {
      super(store, random);
    }

    @Override
    void step(int number) throws IOException {
      store.blobs().open(Digest.of(anyBlob())).ifPresent(open::add);
      for (Blob blob : open) {
        assertThat(Digest.of(blob.readAll())).isEqualTo(blob.digest());
      }
      if (open.size() > 2) {
        open.removeFirst().release();
      }
    }

    @Override
    void rest() {
      open.forEach(Blob::release);
      open.clear();
    }
  }

  private static final class Cleaner extends Actor {
    Cleaner(Store store, SplittableRandom random) {
      super(store, random);
    }

    @Override
    void step(int number) throws IOException {
      switch (random.nextInt(3)) {
        case 0 -> store.collect();
        case 1 -> store.relieve();
        default -> store.sweep();
      }
    }
  }

  private static List<byte[]> blobs() {
    var blobs = new ArrayList<byte[]>();
    for (int i = 0; i < 14; i++) {
      byte[] content = new byte[(i + 1) * (30 << 10)];
      Arrays.fill(content, (byte) i);
      blobs.add(content);
    }
    return blobs;
  }
}
