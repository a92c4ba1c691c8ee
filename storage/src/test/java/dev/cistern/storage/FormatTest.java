package dev.cistern.storage;

import static dev.cistern.storage.Pushes.bytes;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FormatTest {
  private static final RepositoryName NAME = new RepositoryName("a/b");
  private static final byte[] ADDED = {Keys.HOLDER, Keys.NAMES, Keys.BLOB_BYTES, Keys.FORMAT};

  private final SetClock clock = new SetClock(Instant.parse("2026-11-01T00:00:00Z"));
  @TempDir private Path directory;

  @Test
  void aStoreOfTheFirstFormatGetsWhatTheSecondAdded() throws IOException {
    try (Store store = Store.open(directory, clock)) {
      Digest blob = Pushes.blob(store, NAME, bytes("layer"));
      Digest image =
          Pushes.manifest(
              store, NAME, Pushes.image("1", Optional.empty(), blob), Origin.PUSHED, "v1");
      Pushes.manifest(
          store, NAME, Pushes.index("i", Optional.empty(), image), Origin.CACHED, "multi");
      for (int i = 0; i < 2_100; i++) {
        store.blobs().link(NAME, Digest.of(bytes("absent" + i)), Origin.CACHED);
      }
    }
    Map<String, String> before = added();
    assertThat(before).hasSizeGreaterThan(2_100);
    try (Index index = Index.open(new Layout(directory).index())) {
      removeAdded(index);
    }
    assertThat(added()).isEmpty();

    Store.open(directory, clock).close();

    assertThat(added()).isEqualTo(before);
    Audit.closed(directory, "after the upgrade");
  }

  @Test
  void aNewerFormatIsRefused() throws IOException {
    Store.open(directory, clock).close();
    try (Index index = Index.open(new Layout(directory).index())) {
      index.write(
          Index.Durability.SYNCED,
          batch -> {
            batch.put(Keys.family(Keys.FORMAT), new byte[] {3});
            return true;
          });
    }

    assertThatThrownBy(() -> Store.open(directory, clock))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("a newer Cistern wrote the index, in format 3");
    assertThatThrownBy(() -> Store.open(directory, clock))
        .as("nothing is left locked")
        .hasMessageContaining("in format 3");
  }

  private static void removeAdded(Index index) throws IOException {
    index.write(
        Index.Durability.SYNCED,
        batch -> {
          var keys = new ArrayList<byte[]>();
          for (byte letter : ADDED) {
            batch.scan(Keys.family(letter), (key, value) -> keys.add(key));
          }
          for (byte[] key : keys) {
            batch.delete(key);
          }
          return true;
        });
  }

  private Map<String, String> added() throws IOException {
    var entries = new HashMap<String, String>();
    try (Index index = Index.open(new Layout(directory).index())) {
      for (byte letter : ADDED) {
        byte[] family = Keys.family(letter);
        index.scan(
            family,
            family,
            (key, value) -> {
              entries.put(HexFormat.of().formatHex(key), HexFormat.of().formatHex(value));
              return true;
            });
      }
    }
    return entries;
  }
}
