package dev.cistern.storage;

import dev.cistern.base.StoredTime;
import dev.cistern.storage.Facts.BlobFact;
import dev.cistern.storage.Facts.LinkFact;
import dev.cistern.storage.Facts.TagFact;
import dev.cistern.storage.Facts.UploadFact;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksDBException;

/**
 * The correction of stored times in the future, which a clock that was ahead has left. The age of
 * content with such a time starts now; a tag with such a time counts as never checked. All readers
 * of stored times ignore such a time anyway ({@link StoredTime}). The correction makes an age start
 * once, not at each read.
 *
 * <p>The index is read in pages of at most 1,000 keys. Each page is rewritten in a change of its
 * own, beside all other operations.
 */
final class StoredTimes {
  private final Index index;
  private final Layout layout;

  StoredTimes(Index index, Layout layout) {
    this.index = index;
    this.layout = layout;
  }

  /**
   * A function that returns a value with its future time replaced, or null if no time of the value
   * lies in the future.
   */
  private interface Rewriting {
    byte @Nullable [] rewritten(byte[] value);
  }

  /**
   * Rewrites all times that are in the future. Returns the number of rewritten values.
   *
   * @param now current time, which is not in the future
   */
  int settle(Instant now) throws IOException {
    int links = 0;
    for (byte family : new byte[] {Keys.MANIFEST_LINK, Keys.BLOB_LINK}) {
      links += settle(family, value -> link(LinkFact.decode(value), now));
    }
    return links
        + settle(Keys.BLOB, value -> blob(BlobFact.decode(value), now))
        + settle(Keys.TAG, value -> tag(TagFact.decode(value), now))
        + settle(Keys.VERIFIED, value -> verified(value, now))
        + settle(Keys.UPLOAD, value -> upload(UploadFact.decode(value), now))
        + settle(layout.uploads(), now)
        + settle(layout.fills(), now);
  }

  private static byte @Nullable [] link(LinkFact fact, Instant now) {
    return StoredTime.isUnknown(fact.lastUsed(), now)
        ? new LinkFact(fact.origin(), now).encoded()
        : null;
  }

  private static byte @Nullable [] blob(BlobFact fact, Instant now) {
    return StoredTime.isUnknown(fact.firstSeen(), now) || StoredTime.isUnknown(fact.lastUsed(), now)
        ? new BlobFact(
                fact.size(),
                StoredTime.ageBegins(fact.firstSeen(), now),
                StoredTime.ageBegins(fact.lastUsed(), now))
            .encoded()
        : null;
  }

  private static byte @Nullable [] tag(TagFact fact, Instant now) {
    return StoredTime.isUnknown(fact.checked(), now)
        ? new TagFact(fact.digest(), fact.origin(), Instant.EPOCH).encoded()
        : null;
  }

  /** Resets a time in the future to 1970. The content is verified early rather than never. */
  private static byte @Nullable [] verified(byte[] value, Instant now) {
    return StoredTime.isUnknown(Instant.ofEpochMilli(Blobs.bytes(value)), now)
        ? Blobs.bytes(0)
        : null;
  }

  private static byte @Nullable [] upload(UploadFact fact, Instant now) {
    return StoredTime.isUnknown(fact.started(), now)
        ? new UploadFact(fact.repository(), fact.algorithm(), now, fact.owner()).encoded()
        : null;
  }

  private int settle(byte family, Rewriting rewriting) throws IOException {
    byte[] prefix = Keys.family(family);
    int settled = 0;
    List<Index.Entry> page = index.page(prefix, prefix);
    while (!page.isEmpty()) {
      List<byte[]> keys =
          page.stream()
              .filter(entry -> rewriting.rewritten(entry.value()) != null)
              .map(Index.Entry::key)
              .toList();
      if (!keys.isEmpty()) {
        settled += index.write(Index.Durability.VISIBLE, batch -> rewrite(batch, keys, rewriting));
      }
      page = index.page(prefix, Keys.after(page.getLast().key()));
    }
    return settled;
  }

  /**
   * Rewrites values within a change. Checks each value again, so that a value that was written
   * meanwhile stays as it is.
   */
  private static int rewrite(Index.Batch batch, List<byte[]> keys, Rewriting rewriting)
      throws RocksDBException {
    int settled = 0;
    for (byte[] key : keys) {
      byte[] value = batch.get(key);
      byte[] rewritten = value == null ? null : rewriting.rewritten(value);
      if (rewritten != null) {
        batch.put(key, rewritten);
        settled++;
      }
    }
    return settled;
  }

  private static int settle(Path directory, Instant now) throws IOException {
    int settled = 0;
    for (Path file : Layout.list(directory)) {
      settled += settleFile(file, now) ? 1 : 0;
    }
    return settled;
  }

  private static boolean settleFile(Path file, Instant now) throws IOException {
    try {
      if (!StoredTime.isUnknown(Files.getLastModifiedTime(file).toInstant(), now)) {
        return false;
      }
      Files.setLastModifiedTime(file, FileTime.from(now));
      return true;
    } catch (NoSuchFileException e) {
      return false; // it was committed or removed meanwhile
    }
  }
}
