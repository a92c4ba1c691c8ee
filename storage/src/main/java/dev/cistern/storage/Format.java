package dev.cistern.storage;

import dev.cistern.oci.Manifest;
import dev.cistern.oci.RepositoryName;
import dev.cistern.storage.Facts.BlobFact;
import dev.cistern.storage.Facts.ManifestFact;
import dev.cistern.storage.Facts.NamesFact;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.rocksdb.RocksDBException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Upgrade of an index from an earlier format, done once. Format 1 had no version, no entries of
 * {@link Holders} and no sum of blob sizes. The upgrade writes the same values however often it
 * runs, and writes the version last, so a kill in between does no harm.
 */
final class Format {
  private static final Logger LOG = LoggerFactory.getLogger(Format.class);
  private static final byte VERSION = 2;
  private static final byte[] EMPTY = {};

  private Format() {}

  /**
   * Checks that this version of Cistern knows the format of the index.
   *
   * @throws StoreRefusedException if a newer version wrote the index; it was not changed
   */
  static void check(Index index) throws StoreRefusedException {
    byte[] mark = index.get(Keys.family(Keys.FORMAT));
    if (mark != null && mark[0] != VERSION) {
      throw new StoreRefusedException(
          "a newer Cistern wrote the index, in format "
              + mark[0]
              + "; this one knows formats up to "
              + VERSION);
    }
  }

  /** Upgrades an index that {@link #check} has accepted to the current format. */
  static void upgrade(Index index) throws IOException {
    byte[] mark = index.get(Keys.family(Keys.FORMAT));
    if (mark == null) {
      if (hasData(index)) {
        LOG.info("the index is brought to a new format, once");
        writeHolders(index);
      }
      index.write(
          Index.Durability.SYNCED,
          batch -> {
            batch.put(Keys.family(Keys.FORMAT), new byte[] {VERSION});
            batch.put(Keys.family(Keys.NAMES), EMPTY);
            return true;
          });
    }
  }

  private static boolean hasData(Index index) {
    return index.hasAny(Keys.family(Keys.BLOB))
        || index.hasAny(Keys.family(Keys.MANIFEST))
        || index.hasAny(Keys.family(Keys.BLOB_LINK));
  }

  private static void writeHolders(Index index) throws IOException {
    eachPage(
        index,
        Keys.MANIFEST_LINK,
        (batch, key, value) -> {
          RepositoryName name = Keys.scopeOf(key);
          batch.put(Keys.keeper(Keys.digestIn(name, key), name), EMPTY);
        });
    eachPage(
        index,
        Keys.BLOB_LINK,
        (batch, key, value) -> {
          RepositoryName name = Keys.scopeOf(key);
          batch.put(Keys.linker(Keys.digestIn(name, key), name), EMPTY);
        });
    index.walk(
        Keys.family(Keys.MANIFEST),
        (key, value) -> {
          byte[] bytes = ManifestFact.decode(value).bytes();
          var names = NamesFact.of(Manifest.parse(bytes, Optional.empty()), bytes.length);
          index.write(
              Index.Durability.VISIBLE,
              batch -> {
                Holders.name(batch, Keys.digestAfter(1, key), names);
                return true;
              });
        });
    var bytes = new long[1];
    index.walk(Keys.family(Keys.BLOB), (key, value) -> bytes[0] += BlobFact.decode(value).size());
    index.write(
        Index.Durability.VISIBLE,
        batch -> {
          batch.put(Keys.family(Keys.BLOB_BYTES), Blobs.bytes(bytes[0]));
          return true;
        });
  }

  private interface Step {
    void write(Index.Batch batch, byte[] key, byte[] value) throws RocksDBException;
  }

  private static void eachPage(Index index, byte letter, Step step) throws IOException {
    byte[] family = Keys.family(letter);
    List<Index.Entry> page = index.page(family, family);
    while (!page.isEmpty()) {
      List<Index.Entry> entries = page;
      index.write(
          Index.Durability.VISIBLE,
          batch -> {
            for (Index.Entry entry : entries) {
              step.write(batch, entry.key(), entry.value());
            }
            return true;
          });
      page = index.page(family, Keys.after(page.getLast().key()));
    }
  }
}
