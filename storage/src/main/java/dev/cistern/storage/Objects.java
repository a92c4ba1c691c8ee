package dev.cistern.storage;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksDBException;

/**
 * The cluster's objects that are made here: JSON by kind, namespace and name. What the JSON says is
 * not looked at.
 *
 * <p>Every change has a revision, a number that grows by one with each and is never given twice,
 * over restarts too. A change can demand what it found when it was decided, so that nobody's change
 * is lost under another's; it is durable when it returns. Safe for all threads; reads take
 * microseconds, writes wait for the index.
 */
public final class Objects {
  /** How long the JSON of an object may be, in bytes. */
  public static final int MOST_BYTES = 1 << 20;

  private final Index index;

  Objects(Index index) {
    this.index = index;
  }

  /** Returns the revision of the last change; 0 if there was none. */
  public long revision() {
    return number(index.get(Keys.family(Keys.REVISION)));
  }

  public Optional<StoredObject> get(ObjectName name) {
    return stored(name, index.get(Keys.object(name)));
  }

  /**
   * Returns all objects of a kind, by namespace and name. With a {@link #revision} that was asked
   * for before, all changes up to it are in the list; later ones may be.
   */
  public List<StoredObject> list(String kind) {
    return list(Keys.objects(kind));
  }

  /** Returns the objects of a kind in one namespace, by name, as {@link #list(String)} does. */
  public List<StoredObject> list(String kind, String namespace) {
    return list(Keys.objects(kind, namespace));
  }

  private List<StoredObject> list(byte[] prefix) {
    var objects = new ArrayList<StoredObject>();
    index.scan(
        prefix,
        prefix,
        (key, value) -> {
          stored(Keys.objectOf(key), value).ifPresent(objects::add);
          return true;
        });
    return objects;
  }

  /**
   * Stores an object if what is there is as expected.
   *
   * @throws OciException with SIZE_INVALID, if the JSON is longer than {@link #MOST_BYTES}
   */
  public ObjectChange put(ObjectName name, String json, Expected expected) throws IOException {
    byte[] bytes = json.getBytes(UTF_8);
    if (bytes.length > MOST_BYTES) {
      throw new OciException(
          ErrorCode.SIZE_INVALID,
          name + " has " + bytes.length + " bytes, at most " + MOST_BYTES + " are stored");
    }
    return index.write(
        Index.Durability.SYNCED,
        batch -> {
          Optional<StoredObject> before = stored(name, batch.get(Keys.object(name)));
          if (!isAsExpected(before, expected)) {
            return new ObjectChange.Conflict(before);
          }
          long revision = nextRevision(batch);
          batch.put(Keys.object(name), new Facts.ObjectFact(revision, bytes).encoded());
          return new ObjectChange.Done(new StoredObject(name, revision, json));
        });
  }

  /** Removes an object if it is there and as expected. */
  public ObjectChange delete(ObjectName name, Expected expected) throws IOException {
    return index.write(
        Index.Durability.SYNCED,
        batch -> {
          Optional<StoredObject> before = stored(name, batch.get(Keys.object(name)));
          if (before.isEmpty() || !isAsExpected(before, expected)) {
            return new ObjectChange.Conflict(before);
          }
          long revision = nextRevision(batch);
          batch.delete(Keys.object(name));
          return new ObjectChange.Done(new StoredObject(name, revision, before.get().json()));
        });
  }

  private static boolean isAsExpected(Optional<StoredObject> before, Expected expected) {
    return switch (expected) {
      case Expected.Anything anything -> true;
      case Expected.Absent absent -> before.isEmpty();
      case Expected.Revision(long number) ->
          before.filter(object -> object.revision() == number).isPresent();
    };
  }

  private static long nextRevision(Index.Batch batch) throws RocksDBException {
    long revision = number(batch.get(Keys.family(Keys.REVISION))) + 1;
    batch.put(
        Keys.family(Keys.REVISION), ByteBuffer.allocate(Long.BYTES).putLong(revision).array());
    return revision;
  }

  private static long number(byte @Nullable [] value) {
    return value == null ? 0 : ByteBuffer.wrap(value).getLong();
  }

  private static Optional<StoredObject> stored(ObjectName name, byte @Nullable [] value) {
    if (value == null) {
      return Optional.empty();
    }
    Facts.ObjectFact fact = Facts.ObjectFact.decode(value);
    return Optional.of(new StoredObject(name, fact.revision(), new String(fact.json(), UTF_8)));
  }
}
