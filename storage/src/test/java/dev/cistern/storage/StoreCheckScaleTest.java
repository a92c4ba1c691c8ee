package dev.cistern.storage;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Checks and scrubs a store of {@code fsck.bytes} (default 64 MiB) with faults planted in it, and
 * prints throughput and memory. For 10 GiB:
 *
 * <pre>
 * JDK_JAVA_OPTIONS=-Xmx256m ./cistern test -pl storage -am -Dtest=StoreCheckScaleTest -Dfsck.bytes=10737418240
 * </pre>
 */
class StoreCheckScaleTest {
  private static final long BYTES = Long.getLong("fsck.bytes", 64L << 20);
  private static final int BLOB_BYTES = 8 << 20;
  private static final RepositoryName NAME = new RepositoryName("measured/x");
  private static final Duration MONTH = Duration.ofDays(30);

  private final SetClock clock = new SetClock(Instant.now());
  @TempDir private Path directory;

  @Test
  void everyPlantedFaultIsFound() throws IOException {
    var blobs = new ArrayList<Digest>();
    try (Store store = Store.open(directory, clock)) {
      for (int i = 0; i < Math.max(5, BYTES / BLOB_BYTES); i++) {
        blobs.add(push(store, i));
      }
      plant(blobs);
      clock.advance(MONTH);

      Map<FindingKind, Integer> found = check(store);

      assertThat(found)
          .containsOnly(
              Map.entry(FindingKind.WRONG_DIGEST, 1), // a flipped byte
              Map.entry(FindingKind.MISSING_CONTENT, 2), // a lost file, a fact without content
              Map.entry(FindingKind.UNKNOWN_CONTENT, 2)); // a foreign file, content without a fact
    }
    try (Store store = Store.open(directory, clock)) {
      flip(blobs.get(3));

      scrub(store);

      assertThat(store.damaged().isDamagedBlob(blobs.get(3))).isTrue();
    }
  }

  private static Digest push(Store store, int seed) throws IOException {
    byte[] content = new byte[BLOB_BYTES];
    new Random(seed).nextBytes(content);
    return Pushes.blob(store, NAME, content);
  }

  private void plant(List<Digest> blobs) throws IOException {
    flip(blobs.get(0));
    Files.delete(file(blobs.get(1)));
    Path unknown = file(Digest.of(ByteBuffer.allocate(1).array()));
    Files.createDirectories(requireNonNull(unknown.getParent()));
    Files.move(file(blobs.get(2)), unknown); // a fact without content, and content without a fact
    Files.writeString(unknown.resolveSibling("notes.txt"), "foreign");
  }

  private void flip(Digest blob) throws IOException {
    try (FileChannel channel =
        FileChannel.open(file(blob), StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      ByteBuffer one = ByteBuffer.allocate(1);
      channel.read(one, BLOB_BYTES - 1);
      one.put(0, (byte) (one.get(0) ^ 1)).flip();
      channel.write(one, BLOB_BYTES - 1);
    }
  }

  private static Map<FindingKind, Integer> check(Store store) throws IOException {
    var found = new EnumMap<FindingKind, Integer>(FindingKind.class);
    long begun = System.nanoTime();
    StoreCheck.Progress all =
        store.check(
            new StoreCheck.Order(true, OptionalLong.empty(), false),
            new StoreCheck.Report() {
              @Override
              public void found(Finding finding) {
                found.merge(finding.kind(), 1, Integer::sum);
              }

              @Override
              public void progress(StoreCheck.Progress progress) {}

              @Override
              public void refetch(Digest blob, List<RepositoryName> repositories) {}
            });
    print("fsck", all.bytes(), begun);
    return found;
  }

  private void scrub(Store store) throws IOException {
    clock.advance(MONTH);
    long begun = System.nanoTime();
    store.scrub().run(new ScrubSettings(MONTH, Long.MAX_VALUE / 2), () -> true);
    print("scrub", store.scrub().bytes(), begun);
  }

  private static void print(String what, long bytes, long begun) {
    double seconds = (System.nanoTime() - begun) / 1e9;
    Runtime memory = Runtime.getRuntime();
    System.out.printf(
        "%s: %d MiB in %.1f s, %.0f MiB/s; heap in use %d MiB, of at most %d MiB%n",
        what,
        bytes >> 20,
        seconds,
        (bytes >> 20) / seconds,
        (memory.totalMemory() - memory.freeMemory()) >> 20,
        memory.maxMemory() >> 20);
  }

  private Path file(Digest digest) {
    return new Layout(directory).blob(digest);
  }
}
