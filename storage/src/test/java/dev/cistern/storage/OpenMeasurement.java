package dev.cistern.storage;

import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import dev.cistern.storage.Facts.BlobFact;
import dev.cistern.storage.Facts.LinkFact;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;

/**
 * Measures how long a store with a million blobs takes to open. Not a test: it is run by hand, with
 * a directory as its argument, which it makes; the next run finds it made. The blobs have facts and
 * links but no files, which opening never looks at.
 */
final class OpenMeasurement {
  private static final int BLOBS = 1_000_000;
  private static final int AT_ONCE = 1_000;
  private static final int TIMES = 10;

  private OpenMeasurement() {}

  public static void main(String[] arguments) throws IOException {
    Path directory = Path.of(arguments[0]);
    Path indexDirectory = new Layout(directory).index();
    if (Files.notExists(indexDirectory)) {
      Files.createDirectories(indexDirectory);
      try (Index index = Index.open(indexDirectory)) {
        for (int i = 0; i < BLOBS; i += AT_ONCE) {
          write(index, i);
        }
      }
      Path file = new Layout(directory).blob(digest(0));
      Files.createDirectories(file.getParent());
      Files.createFile(file); // the one that a start looks for
    }
    for (int i = 0; i < TIMES; i++) {
      long begun = System.nanoTime();
      Store store = Store.open(directory, InstantSource.system());
      long opened = System.nanoTime();
      boolean isThere = store.blobs().size(digest(BLOBS - 1)).isPresent();
      long found = System.nanoTime();
      store.close();
      System.out.printf(
          "open %.1f ms, first fact %.3f ms (%s)%n",
          (opened - begun) / 1e6, (found - opened) / 1e6, isThere);
    }
  }

  private static void write(Index index, int first) throws IOException {
    byte[] blob = new BlobFact(1, Instant.EPOCH, Instant.EPOCH).encoded();
    byte[] link = new LinkFact(Origin.PUSHED, Instant.EPOCH).encoded();
    var name = new RepositoryName("measured/r" + first / AT_ONCE);
    index.write(
        Index.Durability.VISIBLE,
        batch -> {
          for (int i = first; i < first + AT_ONCE; i++) {
            batch.put(Keys.blob(digest(i)), blob);
            batch.put(Keys.blobLink(name, digest(i)), link);
          }
          return true;
        });
  }

  private static Digest digest(int number) {
    return Digest.of(ByteBuffer.allocate(Integer.BYTES).putInt(number).array());
  }
}
