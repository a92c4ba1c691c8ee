package dev.cistern.server.objects;

import dev.cistern.storage.Expected;
import dev.cistern.storage.ObjectChange;
import dev.cistern.storage.ObjectEdit;
import dev.cistern.storage.ObjectFeed;
import dev.cistern.storage.ObjectName;
import dev.cistern.storage.Objects;
import dev.cistern.storage.StoredObject;
import java.io.IOException;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * All objects of the API. Those of files are as their files define them. Those created through the
 * API or by commands are stored. An object of a file hides a stored one of the same name. Each has
 * its revision as {@code metadata.resourceVersion}.
 *
 * <p>Safe for all threads.
 */
public final class ClusterObjects {
  /** The namespaces that always exist. */
  static final Set<String> FIRST_NAMESPACES = Set.of("default", "openshift", "openshift-config");

  private static final Comparator<ObjectName> ORDER =
      Comparator.comparing(ObjectName::kind)
          .thenComparing(ObjectName::namespace)
          .thenComparing(ObjectName::name);

  private static final int PAGE = 100;

  private final Objects stored;
  private final InstantSource clock;
  private final BuiltIns builtIns;
  private volatile Map<ObjectName, OfFile> ofFiles = Map.of();

  public ClusterObjects(Objects stored, InstantSource clock) {
    this.stored = stored;
    this.clock = clock;
    this.builtIns = new BuiltIns(clock.instant(), this::namespaces, this::hasNamespace);
  }

  /** An object of a file, and the revision of its last change. */
  private record OfFile(FileObject object, long revision) {}

  /**
   * Returns the revision of the last change. Lists that are read later include all changes up to
   * it.
   */
  public long revision() {
    return stored.revision();
  }

  /** Returns the feed of the latest changes, for watchers. */
  public ObjectFeed feed() {
    return stored.feed();
  }

  /**
   * Replaces the objects of files, and announces the changes to watchers.
   *
   * @throws IOException if the changes cannot be stored; then the previous objects stay in effect
   */
  public synchronized void files(List<FileObject> objects) throws IOException {
    var now = new TreeMap<ObjectName, OfFile>(ORDER);
    var changes = new ArrayList<Objects.Announced>();
    for (FileObject object : objects) {
      OfFile before = ofFiles.get(object.name());
      now.put(
          object.name(),
          before != null && before.object.equals(object)
              ? before
              : new OfFile(object, stored.revision() + changes.size() + 1));
      if (before == null || !before.object.json().equals(object.json())) {
        changes.add(
            new Objects.Announced(
                object.name(),
                Optional.ofNullable(before).map(one -> one.object.json()),
                Optional.of(object.json())));
      }
    }
    ofFiles.forEach((name, before) -> {
      if (!now.containsKey(name)) {
        changes.add(
            new Objects.Announced(name, Optional.of(before.object.json()), Optional.empty()));
      }
    });
    if (!changes.isEmpty()) {
      stored.announce(changes);
    }
    ofFiles = now;
  }

  /** Returns the current state of an object. */
  public Optional<ObjectNode> get(ResourceType type, String namespace, String name) {
    ObjectName key = type.name(namespace, name);
    OfFile ofFile = ofFiles.get(key);
    return ofFile != null
        ? Optional.of(parsed(type, ofFile.object.json(), ofFile.revision))
        : stored
            .get(key)
            .map(found -> parsed(type, found.json(), found.revision()))
            .or(() -> builtIns.get(type, namespace, name));
  }

  /** Returns the resource version of an object, "" if it does not exist. Takes microseconds. */
  public String revisionOf(ObjectName name) {
    OfFile ofFile = ofFiles.get(name);
    return ofFile != null
        ? Long.toString(ofFile.revision)
        : stored.get(name).map(found -> Long.toString(found.revision())).orElse("");
  }

  /** Returns the length of an object's JSON in characters, 0 if the object does not exist. */
  public int length(ObjectName name) {
    OfFile ofFile = ofFiles.get(name);
    return ofFile != null
        ? ofFile.object.json().length()
        : stored.get(name).map(found -> found.json().length()).orElse(0);
  }

  /**
   * Returns the current state of an object.
   *
   * @throws ApiException if it does not exist
   */
  public ObjectNode require(ResourceType type, String namespace, String name) {
    return get(type, namespace, name).orElseThrow(() -> ApiException.notFound(type, name));
  }

  /**
   * Returns a cursor over the objects of a kind, in the order of namespaces and names. Built-in
   * objects and those of files come first.
   *
   * @param namespace the namespace of the objects; all namespaces if empty
   * @param after the stored object at which an earlier cursor ended
   */
  public Cursor cursor(ResourceType type, Optional<String> namespace, Optional<ObjectName> after) {
    return new Cursor(type, namespace, after);
  }

  /**
   * A position in the order of objects: the name of the last one that was passed. Used by one
   * thread.
   */
  public final class Cursor {
    private static final int MAX_PAGE_BYTES = 64 << 10;

    private final ResourceType type;
    private final Optional<String> namespace;
    private Optional<ObjectName> last;
    private boolean isStored;

    private Cursor(ResourceType type, Optional<String> namespace, Optional<ObjectName> after) {
      this.type = type;
      this.namespace = namespace;
      this.last = after;
      this.isStored = after.isPresent();
    }

    /**
     * Returns the next objects behind those that were {@linkplain #pass passed}, at most 64 KiB of
     * JSON plus one object. Returns an empty list at the end.
     */
    public List<StoredObject> peek(int most) {
      return peek(most, MAX_PAGE_BYTES);
    }

    /**
     * Returns the next objects behind those that were {@linkplain #pass passed}. Returns an empty
     * list at the end.
     *
     * @param mostBytes the maximum length of the JSON of stored objects; one object may exceed it
     */
    public List<StoredObject> peek(int most, int mostBytes) {
      if (!isStored) {
        List<StoredObject> first = first(most);
        if (!first.isEmpty()) {
          return first;
        }
        isStored = true;
        last = Optional.empty();
      }
      Objects.Page page;
      do {
        page = stored.page(type.kind(), namespace, last, most, mostBytes);
        List<StoredObject> shown =
            page.objects().stream().filter(one -> !ofFiles.containsKey(one.name())).toList();
        if (!shown.isEmpty()) {
          return shown;
        }
        last = page.isMore() ? Optional.of(page.objects().getLast().name()) : last;
      } while (page.isMore());
      return List.of();
    }

    /** Moves behind an object that {@link #peek} returned. */
    public void pass(ObjectName name) {
      last = Optional.of(name);
    }

    /**
     * Returns whether the position is among the stored objects, which come after those of files.
     */
    public boolean isStored() {
      return isStored;
    }

    /** Returns the object that was passed last. */
    public Optional<ObjectName> last() {
      return last;
    }

    /** Returns the next built-in objects and objects of files. */
    private List<StoredObject> first(int most) {
      var names = new TreeSet<ObjectName>(ORDER);
      builtIns.names(type, namespace).forEach(names::add);
      names.removeIf(name -> stored.get(name).isPresent());
      Map<ObjectName, OfFile> files = ofFiles;
      for (ObjectName name : files.keySet()) {
        if (name.kind().equals(type.kind())
            && namespace.map(name.namespace()::equals).orElse(true)) {
          names.add(name);
        }
      }
      var page = new ArrayList<StoredObject>();
      int left = MAX_PAGE_BYTES;
      for (ObjectName name : last.isEmpty() ? names : names.tailSet(last.get(), false)) {
        if (page.size() == most || left <= 0) {
          break;
        }
        OfFile file = files.get(name);
        Optional<StoredObject> object =
            file != null
                ? Optional.of(new StoredObject(name, file.revision, file.object.json()))
                : builtIns
                    .get(type, name.namespace(), name.name())
                    .map(builtIn -> new StoredObject(name, 0, builtIn.toString()));
        if (object.isPresent()) {
          page.add(object.get());
          left -= object.get().json().length();
        }
      }
      return page;
    }
  }

  /**
   * Returns all objects of a kind, read page by page during the iteration.
   *
   * @param namespace the namespace of the objects; all namespaces if empty
   */
  public Iterable<ObjectNode> each(ResourceType type, Optional<String> namespace) {
    return () ->
        new Iterator<>() {
          private final Cursor cursor = cursor(type, namespace, Optional.empty());
          private Iterator<StoredObject> page = cursor.peek(PAGE).iterator();

          @Override
          public boolean hasNext() {
            if (!page.hasNext()) {
              page = cursor.peek(PAGE).iterator();
            }
            return page.hasNext();
          }

          @Override
          public ObjectNode next() {
            if (!hasNext()) {
              throw new NoSuchElementException();
            }
            StoredObject next = page.next();
            cursor.pass(next.name());
            return parsed(type, next.json(), next.revision());
          }
        };
  }

  /** Returns a stored object of a kind whose JSON contains one of these texts, if one exists. */
  public Optional<ObjectName> mentioning(ResourceType type, Set<String> texts) {
    Optional<ObjectName> last = Optional.empty();
    Objects.Page page;
    do {
      page = stored.page(type.kind(), Optional.empty(), last, PAGE);
      for (StoredObject object : page.objects()) {
        if (texts.stream().anyMatch(object.json()::contains)) {
          return Optional.of(object.name());
        }
        last = Optional.of(object.name());
      }
    } while (page.isMore());
    return Optional.empty();
  }

  /**
   * Returns the names of all namespaces: those created, those that contain an object, and those
   * that always exist.
   */
  public Set<String> namespaces() {
    var all = new TreeSet<>(FIRST_NAMESPACES);
    for (ResourceType type : Kinds.NAMESPACED) {
      all.addAll(stored.namespaces(type.kind()));
    }
    stored.list(Kinds.NAMESPACE.kind()).forEach(one -> all.add(one.name().name()));
    ofFiles
        .keySet()
        .forEach(name ->
            all.add(name.kind().equals(Kinds.NAMESPACE.kind()) ? name.name() : name.namespace()));
    all.remove("");
    return all;
  }

  /** Returns the namespaces that contain stored objects of a kind. */
  public List<String> namespaces(ResourceType type) {
    return stored.namespaces(type.kind());
  }

  /** Returns whether a namespace is among {@link #namespaces()}. */
  public boolean hasNamespace(String name) {
    ObjectName itself = Kinds.NAMESPACE.name("", name);
    return FIRST_NAMESPACES.contains(name)
        || stored.get(itself).isPresent()
        || ofFiles.keySet().stream()
            .anyMatch(one -> one.equals(itself) || one.namespace().equals(name))
        || Kinds.NAMESPACED.stream()
            .map(type -> stored.page(type.kind(), Optional.of(name), Optional.empty(), 1))
            .anyMatch(page -> !page.objects().isEmpty());
  }

  /**
   * Returns a copy of a new object with the fields that the server sets: the generated name, the
   * namespace, the UID and the creation time.
   */
  public ObjectNode born(ResourceType type, String namespace, ObjectNode object) {
    ObjectNode made = Meta.ordered(type, object.deepCopy());
    ObjectNode metadata = Meta.of(made);
    metadata.remove("managedFields");
    metadata.remove("selfLink");
    if (Meta.name(made).isEmpty() && !Meta.text(made, "generateName").isEmpty()) {
      metadata.put("name", Meta.text(made, "generateName") + suffix());
    }
    if (type.isNamespaced()) {
      metadata.put("namespace", namespace);
    } else {
      metadata.remove("namespace");
    }
    metadata.put("uid", UUID.randomUUID().toString());
    metadata.put("creationTimestamp", Meta.time(clock.instant()));
    return made;
  }

  /** Returns five hexadecimal digits, the suffix of a generated name. */
  private static String suffix() {
    return UUID.randomUUID().toString().replace("-", "").substring(0, 5);
  }

  /** Returns the edit that creates an object; see {@link #change}. */
  public static ObjectEdit creation(ResourceType type, ObjectNode object) {
    return new ObjectEdit.Put(name(type, object), text(object), new Expected.Absent());
  }

  /**
   * Returns the edit that replaces an object, if it has not changed since it was read.
   *
   * @param object the new content, with the revision at which it was read
   */
  public static ObjectEdit replacement(ResourceType type, ObjectNode object) {
    return new ObjectEdit.Put(name(type, object), text(object), expected(object));
  }

  /** Returns the edit that deletes an object, if it has not changed since it was read. */
  public static ObjectEdit removal(ResourceType type, ObjectNode object) {
    return new ObjectEdit.Delete(name(type, object), expected(object));
  }

  private static Expected expected(ObjectNode object) {
    return isBuiltIn(object)
        ? new Expected.Absent()
        : new Expected.Revision(Long.parseLong(Meta.resourceVersion(object)));
  }

  /** Returns whether an object is built in. */
  public static boolean isBuiltIn(ObjectNode object) {
    return Long.parseLong(Meta.resourceVersion(object)) == 0;
  }

  /**
   * Makes all edits or none, and returns the objects that they stored.
   *
   * @return empty if another request changed one of the objects meanwhile
   * @throws ApiException if one of them is an object of a file
   */
  public Optional<List<StoredObject>> change(ResourceType type, List<ObjectEdit> edits)
      throws IOException {
    for (ObjectEdit edit : edits) {
      requireNotOfFile(type, edit.name());
    }
    return stored.change(edits) instanceof ObjectChange.Done(List<StoredObject> done)
        ? Optional.of(done)
        : Optional.empty();
  }

  /**
   * Refuses to change an object of a file.
   *
   * @throws ApiException naming the file
   */
  public void requireNotOfFile(ResourceType type, ObjectName name) {
    OfFile ofFile = ofFiles.get(name);
    if (ofFile != null) {
      throw ApiException.conflict(
          type, name.name(), "it is in the file " + ofFile.object.file() + ": change it there");
    }
  }

  /** Parses the JSON of an object and sets its revision. */
  public static ObjectNode parsed(ResourceType type, String json, long revision) {
    ObjectNode object = Meta.ordered(type, (ObjectNode) JsonMapper.shared().readTree(json));
    Meta.of(object).put("resourceVersion", Long.toString(revision));
    return object;
  }

  private static ObjectName name(ResourceType type, ObjectNode object) {
    return type.name(Meta.namespace(object), Meta.name(object));
  }

  /**
   * Returns the text of an object to store: everything except its revision.
   *
   * @throws ApiException if the text could not be read again
   */
  private static String text(ObjectNode object) {
    Meta.requireReadable(object);
    ObjectNode copy = object.deepCopy();
    Meta.of(copy).remove("resourceVersion");
    return copy.toString();
  }
}
