package dev.cistern.storage;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksDBException;

/**
 * The stored API objects of the cluster: JSON by kind, namespace and name. The JSON is not
 * interpreted.
 *
 * <p>Every change has a revision. Revisions grow by one with each change and are never reused, not
 * even after a restart. A change can require the state in which its caller found an object, so that
 * concurrent changes do not overwrite each other. A change is durable when the method returns. Safe
 * for all threads. Reads take microseconds; writes wait for the index.
 */
public final class Objects {
  /** Maximum length of the JSON of an object, in bytes of UTF-8. */
  public static final int MOST_BYTES = 1 << 20;

  private static final int MAX_ANNOUNCED_PER_CHANGE = 200;

  private final Index index;
  private final ObjectFeed feed;

  Objects(Index index) {
    this.index = index;
    this.feed = new ObjectFeed(revision());
  }

  /** Returns the feed of the latest changes, for watchers. */
  public ObjectFeed feed() {
    return feed;
  }

  /** Returns the revision of the last change, or 0 if there was none. */
  public long revision() {
    return number(index.get(Keys.family(Keys.REVISION)));
  }

  public Optional<StoredObject> get(ObjectName name) {
    return stored(name, index.get(Keys.object(name)));
  }

  /**
   * Returns all objects of a kind, ordered by namespace and name. If {@link #revision} was read
   * before, the list includes all changes up to that revision, and may include later ones.
   */
  public List<StoredObject> list(String kind) {
    return list(Keys.objects(kind));
  }

  /**
   * Returns the objects of a kind in one namespace, ordered by name, as {@link #list(String)} does.
   */
  public List<StoredObject> list(String kind, String namespace) {
    return list(Keys.objects(kind, namespace));
  }

  /**
   * A page of the objects of a kind.
   *
   * @param isMore whether there may be more objects after these
   */
  public record Page(List<StoredObject> objects, boolean isMore) {
    public Page {
      objects = List.copyOf(objects);
    }
  }

  /**
   * Returns up to {@code most} objects of a kind after {@code after}, in the order of {@link
   * #list(String)}. The page ends earlier, but not before its first object, when its objects reach
   * {@link #MOST_BYTES} together.
   *
   * @param namespace namespace of the objects; all namespaces if empty
   */
  public Page page(String kind, Optional<String> namespace, Optional<ObjectName> after, int most) {
    return page(kind, namespace, after, most, MOST_BYTES);
  }

  /**
   * Returns up to {@code most} objects of a kind after {@code after}, in the order of {@link
   * #list(String)}.
   *
   * @param namespace namespace of the objects; all namespaces if empty
   * @param mostBytes total size in bytes at which the page ends; its last object may exceed it
   */
  public Page page(
      String kind,
      Optional<String> namespace,
      Optional<ObjectName> after,
      int most,
      int mostBytes) {
    byte[] prefix =
        namespace.map(name -> Keys.objects(kind, name)).orElseGet(() -> Keys.objects(kind));
    byte[] from = after.map(last -> Keys.after(Keys.object(last))).orElse(prefix);
    var objects = new ArrayList<StoredObject>();
    var left = new AtomicInteger(mostBytes);
    index.scan(
        prefix,
        from,
        (key, value) -> {
          stored(Keys.objectOf(key), value).ifPresent(objects::add);
          return objects.size() < most && left.addAndGet(-value.length) > 0;
        });
    return new Page(objects, objects.size() >= most || left.get() <= 0);
  }

  /** Returns the namespaces that have objects of a kind, in byte order. */
  public List<String> namespaces(String kind) {
    byte[] prefix = Keys.objects(kind);
    var namespaces = new ArrayList<String>();
    byte[] from = prefix;
    for (List<StoredObject> next = list(prefix, from, 1);
        !next.isEmpty();
        next = list(prefix, from, 1)) {
      String namespace = next.getFirst().name().namespace();
      namespaces.add(namespace);
      from = Keys.afterNamespace(kind, namespace);
    }
    return namespaces;
  }

  private List<StoredObject> list(byte[] prefix) {
    return list(prefix, prefix, Integer.MAX_VALUE);
  }

  private List<StoredObject> list(byte[] prefix, byte[] from, int most) {
    var objects = new ArrayList<StoredObject>();
    index.scan(
        prefix,
        from,
        (key, value) -> {
          stored(Keys.objectOf(key), value).ifPresent(objects::add);
          return objects.size() < most;
        });
    return objects;
  }

  /**
   * Stores an object if its current state is as expected.
   *
   * @throws OciException with SIZE_INVALID, if the JSON is longer than {@link #MOST_BYTES}
   */
  public ObjectChange put(ObjectName name, String json, Expected expected) throws IOException {
    return change(List.of(new ObjectEdit.Put(name, json, expected)));
  }

  /** Removes an object if it exists and is as expected. */
  public ObjectChange delete(ObjectName name, Expected expected) throws IOException {
    return change(List.of(new ObjectEdit.Delete(name, expected)));
  }

  /**
   * Makes all edits, each of a different object, or none of them.
   *
   * @throws OciException with SIZE_INVALID, if a JSON is longer than {@link #MOST_BYTES}
   */
  public ObjectChange change(List<ObjectEdit> edits) throws IOException {
    requireSizes(edits);
    return index.write(Index.Durability.SYNCED, batch -> apply(batch, edits));
  }

  /** Adds changes of objects that are not in this store to the feed, each with a new revision. */
  public void announce(List<Announced> changes) throws IOException {
    for (int from = 0; from < changes.size(); from += MAX_ANNOUNCED_PER_CHANGE) {
      List<Announced> page =
          changes.subList(from, Math.min(changes.size(), from + MAX_ANNOUNCED_PER_CHANGE));
      index.write(
          Index.Durability.SYNCED,
          batch -> {
            for (Announced one : page) {
              tell(
                  batch,
                  new ObjectEvent(nextRevision(batch), one.name(), one.before(), one.after()));
            }
            return true;
          });
    }
  }

  /** A change of an object that is not in this store, with the fields of {@link ObjectEvent}. */
  public record Announced(ObjectName name, Optional<String> before, Optional<String> after) {}

  /** Returns whether the JSON of an object is short enough to be stored. */
  public static boolean isStorable(String json) {
    return json.length() <= MOST_BYTES / 3 || json.getBytes(UTF_8).length <= MOST_BYTES;
  }

  static void requireSizes(List<ObjectEdit> edits) {
    for (ObjectEdit edit : edits) {
      if (edit instanceof ObjectEdit.Put put && !isStorable(put.json())) {
        throw new OciException(
            ErrorCode.SIZE_INVALID,
            "%s has %d bytes, at most %d are stored"
                .formatted(put.name(), put.json().getBytes(UTF_8).length, MOST_BYTES));
      }
    }
  }

  /** Makes edits within a change of the index. That change may do more. */
  ObjectChange apply(Index.Batch batch, List<ObjectEdit> edits) throws RocksDBException {
    for (ObjectEdit edit : edits) {
      Optional<StoredObject> before = stored(edit.name(), batch.get(Keys.object(edit.name())));
      boolean isThere = before.isPresent() || edit instanceof ObjectEdit.Put;
      if (!isThere || !isAsExpected(before, edit.expected())) {
        return new ObjectChange.Conflict(edit.name());
      }
    }
    var done = new ArrayList<StoredObject>();
    for (ObjectEdit edit : edits) {
      done.add(apply(batch, edit));
    }
    return new ObjectChange.Done(done);
  }

  private StoredObject apply(Index.Batch batch, ObjectEdit edit) throws RocksDBException {
    ObjectName name = edit.name();
    Optional<String> before = stored(name, batch.get(Keys.object(name))).map(StoredObject::json);
    long revision = nextRevision(batch);
    switch (edit) {
      case ObjectEdit.Put put -> {
        byte[] bytes = put.json().getBytes(UTF_8);
        batch.put(Keys.object(name), new Facts.ObjectFact(revision, bytes).encoded());
        tell(batch, new ObjectEvent(revision, name, before, Optional.of(put.json())));
        return new StoredObject(name, revision, put.json());
      }
      case ObjectEdit.Delete delete -> {
        batch.delete(Keys.object(name));
        tell(batch, new ObjectEvent(revision, name, before, Optional.empty()));
        return new StoredObject(name, revision, before.orElse(""));
      }
    }
  }

  private void tell(Index.Batch batch, ObjectEvent event) {
    batch.afterwards(() -> feed.add(event));
  }

  void close() {
    feed.end();
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
