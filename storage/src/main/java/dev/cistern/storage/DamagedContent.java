package dev.cistern.storage;

import dev.cistern.oci.Digest;
import dev.cistern.storage.Facts.DamageFact;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.LongAdder;
import org.rocksdb.RocksDBException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Content whose stored copy is known to be damaged. It counts as not stored until verified content
 * replaces it. The damage is remembered, so that clients are told to push the content again.
 *
 * <p>Safe for all threads. The number of damaged blobs is stored in the index. The other counts
 * begin when the store is opened.
 */
public final class DamagedContent {
  private static final Logger LOG = LoggerFactory.getLogger(DamagedContent.class);

  private final Index index;
  private final Map<Origin, LongAdder> found = new EnumMap<>(Origin.class);
  private final Map<Healing, LongAdder> healed = new EnumMap<>(Healing.class);

  /** The way in which damaged content was replaced. */
  public enum Healing {
    /** The content was fetched from an upstream again. */
    REFETCHED,
    /** A client pushed the content again. */
    PUSHED;

    /** Returns the name in metrics, such as {@code refetched}. */
    public String word() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** The form of content: the file of a blob, or a manifest in the index. */
  enum Form {
    BLOB(0),
    MANIFEST(1);

    private final byte code;

    Form(int code) {
      this.code = (byte) code;
    }

    byte code() {
      return code;
    }

    static Form ofCode(byte code) {
      return switch (code) {
        case 0 -> BLOB;
        case 1 -> MANIFEST;
        default -> throw new IllegalArgumentException("no form has the code " + code);
      };
    }
  }

  DamagedContent(Index index) {
    this.index = index;
    for (Origin origin : Origin.values()) {
      found.put(origin, new LongAdder());
    }
    for (Healing how : Healing.values()) {
      healed.put(how, new LongAdder());
    }
  }

  /** Returns whether a blob was stored and its stored copy is damaged. */
  public boolean isDamagedBlob(Digest digest) {
    return find(digest, Form.BLOB).isPresent();
  }

  /** Returns whether a manifest was stored and its stored copy is damaged. */
  public boolean isDamagedManifest(Digest digest) {
    return find(digest, Form.MANIFEST).isPresent();
  }

  /** Returns the number of blobs whose stored copy is damaged. */
  public long blobs() {
    return Blobs.bytes(index.get(Keys.family(Keys.DAMAGE)));
  }

  /**
   * Returns the number of blobs and manifests of an origin that were found damaged since the store
   * was opened.
   */
  public long found(Origin origin) {
    return count(found, origin);
  }

  /**
   * Returns the number of damaged blobs and manifests that were replaced in this way since the
   * store was opened.
   */
  public long healed(Healing how) {
    return count(healed, how);
  }

  Optional<DamageFact> find(Digest digest, Form form) {
    return Optional.ofNullable(index.get(Keys.damage(digest, form))).map(DamageFact::decode);
  }

  /** Records that content is damaged. Counts it unless the damage was already known. */
  void add(Index.Batch batch, Digest digest, Form form, DamageFact fact) throws RocksDBException {
    byte[] key = Keys.damage(digest, form);
    boolean isNew = batch.get(key) == null;
    batch.put(key, fact.encoded());
    if (isNew) {
      addToCount(batch, form, 1);
      batch.afterwards(() -> increment(found, fact.origin()));
    }
  }

  /**
   * Removes the fact that {@link #add} wrote, if there is one, because the content was replaced.
   */
  void heal(Index.Batch batch, Digest digest, Form form, Healing how) throws RocksDBException {
    if (forget(batch, digest, form)) {
      batch.afterwards(() -> increment(healed, how));
    }
  }

  /** Removes the fact that {@link #add} wrote. Returns whether there was one. */
  boolean forget(Index.Batch batch, Digest digest, Form form) throws RocksDBException {
    byte[] key = Keys.damage(digest, form);
    if (batch.get(key) == null) {
      return false;
    }
    batch.delete(key);
    addToCount(batch, form, -1);
    return true;
  }

  /** Logs damage, as an error if a client must push the content again, otherwise as a warning. */
  static void log(Origin origin, Digest digest, String reason) {
    (origin == Origin.PUSHED ? LOG.atError() : LOG.atWarn())
        .addKeyValue("digest", digest)
        .addKeyValue("origin", origin.word())
        .addKeyValue("reason", reason)
        .log("damaged content found");
  }

  private static void addToCount(Index.Batch batch, Form form, int change) throws RocksDBException {
    if (form == Form.BLOB) {
      batch.add(Keys.family(Keys.DAMAGE), change);
    }
  }

  private static <K extends Enum<K>> long count(Map<K, LongAdder> counts, K key) {
    LongAdder count = counts.get(key);
    return count == null ? 0 : count.sum();
  }

  private static <K extends Enum<K>> void increment(Map<K, LongAdder> counts, K key) {
    counts.computeIfPresent(
        key,
        (same, count) -> {
          count.increment();
          return count;
        });
  }
}
