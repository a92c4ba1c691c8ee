package dev.cistern.server.streams;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import dev.cistern.mirror.rules.StreamContent;
import dev.cistern.oci.Digest;
import dev.cistern.oci.OciException;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import dev.cistern.server.objects.ApiException;
import dev.cistern.server.objects.ClusterObjects;
import dev.cistern.server.objects.Kinds;
import dev.cistern.storage.ObjectChange;
import dev.cistern.storage.ObjectEdit;
import dev.cistern.storage.ObjectName;
import dev.cistern.storage.Repositories;
import dev.cistern.storage.StoredObject;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import tools.jackson.databind.node.ObjectNode;

/**
 * The stored image streams. A change is based on the stream as it was read. If the stream has
 * changed meanwhile, the change is computed again.
 *
 * <p>Thread-safe.
 */
public final class Streams {
  private static final int MOST_TRIES = 20;

  /**
   * Maximum number of tags and origins of streams in the cache of parsed streams, in total. Each
   * takes about 300 bytes.
   */
  private static final int MOST_PARSED = 100_000;

  private final ClusterObjects objects;
  private final Repositories repositories;
  private final Notices notices;
  private final ImageGuard guard = new ImageGuard();
  private final Cache<ObjectName, Parsed> parsed =
      Caffeine.newBuilder()
          .maximumWeight(MOST_PARSED)
          .weigher((ObjectName name, Parsed stream) -> weight(stream.content()))
          .executor(Runnable::run)
          .build();

  /**
   * @param notices the notifications about changes of streams
   */
  public Streams(ClusterObjects objects, Repositories repositories, Notices notices) {
    this.objects = objects;
    this.repositories = repositories;
    this.notices = notices;
  }

  /** The content of a stream for pulls, at one revision. */
  private record Parsed(String revision, StreamContent content) {}

  private static int weight(StreamContent content) {
    return 1 + content.tags().size() + content.origins().size();
  }

  /** Computes the new state of a stream. May be called several times. */
  public interface Change {
    /**
     * Returns the requested change.
     *
     * @param before the current stream; empty if there is none
     * @throws ApiException if the change is not possible
     */
    Changed decide(Optional<ImageStream> before) throws IOException;
  }

  /**
   * A change to store.
   *
   * @param stream the stream to store
   * @param others the edits of other objects in the same transaction
   */
  public record Changed(ImageStream stream, List<ObjectEdit> others) {
    public Changed {
      others = List.copyOf(others);
    }

    public static Changed of(ImageStream stream) {
      return new Changed(stream, List.of());
    }
  }

  /** Returns the guard between changes that name images and removals of images. */
  ImageGuard guard() {
    return guard;
  }

  ClusterObjects objects() {
    return objects;
  }

  Repositories repositories() {
    return repositories;
  }

  /** Returns the length of a stream's JSON in characters; 0 if there is no such stream. */
  int length(String namespace, String name) {
    return objects.length(Kinds.IMAGE_STREAM.name(namespace, name));
  }

  /** Returns the current stream. */
  public Optional<ImageStream> find(String namespace, String name) {
    return objects.get(Kinds.IMAGE_STREAM, namespace, name).map(ImageStream::of);
  }

  /**
   * Returns the current stream.
   *
   * @throws ApiException if there is none
   */
  public ImageStream require(String namespace, String name) {
    return ImageStream.of(objects.require(Kinds.IMAGE_STREAM, namespace, name));
  }

  /**
   * Changes a stream, or creates it.
   *
   * @return the stored stream
   * @throws ApiException if the change is not possible, or conflicts too often with other changes
   */
  public ImageStream change(String namespace, String name, Change change) throws IOException {
    for (int i = 0; i < MOST_TRIES; i++) {
      Optional<ImageStream> done =
          guard.naming(noting -> {
            Optional<ImageStream> before = find(namespace, name);
            Changed changed = change.decide(before);
            boolean isSame =
                before.isPresent()
                    && changed.others().isEmpty()
                    && changed.stream().equals(before.get());
            return isSame ? before : tryChange(before, changed, noting);
          });
      if (done.isPresent()) {
        return done.get();
      }
    }
    throw ApiException.modified(Kinds.IMAGE_STREAM, name);
  }

  /** Changes a stream if it exists. */
  public void changeIfThere(String namespace, String name, UnaryOperator<ImageStream> change)
      throws IOException {
    for (int i = 0; i < MOST_TRIES; i++) {
      Optional<ImageStream> before = find(namespace, name);
      if (before.isEmpty()) {
        return;
      }
      ImageStream stream = change.apply(before.get());
      if (stream.equals(before.get()) || tryReplace(before.get(), stream).isPresent()) {
        return;
      }
    }
    throw ApiException.modified(Kinds.IMAGE_STREAM, name);
  }

  /** Changes a stream if it has not changed since it was read; returns empty otherwise. */
  Optional<ImageStream> tryReplace(ImageStream before, ImageStream stream) throws IOException {
    return guard.naming(noting -> tryChange(Optional.of(before), Changed.of(stream), noting));
  }

  private Optional<ImageStream> tryChange(
      Optional<ImageStream> before, Changed changed, ImageGuard.Noting noting) throws IOException {
    ImageStream stream = changed.stream();
    Set<String> named = stream.images();
    before.map(ImageStream::images).ifPresent(named::removeAll);
    noting.note(named);
    var edits = new ArrayList<>(changed.others());
    edits.addAll(edits(before, stream));
    Optional<RepositoryName> repository = repository(stream.namespace(), stream.name());
    List<Tag> moved = repository.map(name -> moved(name, before, stream)).orElse(List.of());
    Optional<List<StoredObject>> done =
        moved.isEmpty()
            ? objects.change(Kinds.IMAGE_STREAM, edits)
            : done(repositories.untag(repository.get(), moved, edits));
    repository.ifPresent(repositories::changed);
    return done.map(stored -> ImageStream.of(parsed(stored.getLast())));
  }

  /**
   * Returns the registry's tags that no longer match the stream. Their stream tag changes, and they
   * point to another image.
   */
  private List<Tag> moved(
      RepositoryName repository, Optional<ImageStream> before, ImageStream stream) {
    var moved = new ArrayList<Tag>();
    stream
        .history()
        .forEach((name, was) -> {
          boolean isSame = before.map(old -> old.latest(name)).equals(Optional.of(was.latest()));
          if (!isSame && Tag.isTag(name)) {
            Tag tag = new Tag(name);
            String image = was.latest().map(TagEvent::image).orElse("");
            repositories
                .tag(repository, tag)
                .filter(pointing -> !pointing.digest().toString().equals(image))
                .ifPresent(pointing -> moved.add(tag));
          }
        });
    return moved;
  }

  /**
   * Links images of other streams into the repository of a stream, as far as they are stored. A
   * client can then pull them without permissions for the other streams.
   */
  void bring(ImageStream stream, List<Retagging.Copy> copies) throws IOException {
    Optional<RepositoryName> to = repository(stream.namespace(), stream.name());
    for (Retagging.Copy copy : new LinkedHashSet<>(copies)) {
      Optional<RepositoryName> from = repository(copy.namespace(), copy.name());
      if (from.isPresent() && to.isPresent()) {
        repositories.copy(from.get(), to.get(), copy.image());
      }
    }
  }

  /**
   * Returns whether an image belongs to a stream: it is an item of a tag, or the stream's
   * repository has its manifest.
   *
   * <p>A child of an index needs that manifest too, because a pushed index can name any digest.
   * Items come from imports, pushes and other tags.
   */
  public boolean isOf(ImageStream stream, String image) {
    return stream.item(image).isPresent()
        || (repository(stream.namespace(), stream.name()).isPresent()
            && digest(image)
                .flatMap(known ->
                    repositories.manifest(
                        repository(stream.namespace(), stream.name()).orElseThrow(), known))
                .isPresent());
  }

  private static Optional<List<StoredObject>> done(ObjectChange change) {
    return change instanceof ObjectChange.Done(List<StoredObject> objects)
        ? Optional.of(objects)
        : Optional.empty();
  }

  /** Removes a stream with its tags, if it has not changed since it was read. Its images stay. */
  public boolean remove(ImageStream stream) throws IOException {
    List<ObjectEdit> removal = List.of(ClusterObjects.removal(Kinds.IMAGE_STREAM, stream.json()));
    Optional<RepositoryName> repository = repository(stream.namespace(), stream.name());
    if (repository.isEmpty()) {
      return objects.change(Kinds.IMAGE_STREAM, removal).isPresent();
    }
    List<Tag> tags =
        repositories.tags(repository.get(), "", Integer.MAX_VALUE).stream().map(Tag::new).toList();
    return done(repositories.untag(repository.get(), tags, removal)).isPresent();
  }

  /**
   * Removes a tag with its history, and the registry's tag of that name. The images stay.
   *
   * @return whether the stream had the tag
   * @throws ApiException if there is no such stream, or the change conflicts too often with others
   */
  public boolean removeTag(String namespace, String name, String tag) throws IOException {
    return removeTag(namespace, name, tag, before -> {});
  }

  /**
   * Removes a tag as {@link #removeTag(String, String, String)} does, from a stream that passes a
   * check.
   *
   * @param check a precondition on the stream that is changed; throws if it does not hold
   */
  public boolean removeTag(String namespace, String name, String tag, Consumer<ImageStream> check)
      throws IOException {
    for (int i = 0; i < MOST_TRIES; i++) {
      ImageStream before = require(namespace, name);
      check.accept(before);
      ImageStream without = before.without(tag);
      if (without.equals(before)) {
        return false;
      }
      boolean isSpecified = before.tags().containsKey(tag);
      ImageStream stream = isSpecified ? without.at(before.generation() + 1) : without;
      List<ObjectEdit> edits = edits(Optional.of(before), stream);
      Optional<RepositoryName> repository = repository(namespace, name);
      boolean isDone =
          (repository.isPresent() && Tag.isTag(tag))
              ? done(repositories.untag(repository.get(), List.of(new Tag(tag)), edits)).isPresent()
              : objects.change(Kinds.IMAGE_STREAM, edits).isPresent();
      if (isDone) {
        return true;
      }
    }
    throw ApiException.modified(Kinds.IMAGE_STREAM, name);
  }

  /**
   * Returns the edits that store a stream and its notifications. The last edit is that of the
   * stream.
   */
  List<ObjectEdit> edits(Optional<ImageStream> before, ImageStream stream) {
    var edits = new ArrayList<>(notices.of(before, stream));
    edits.add(edit(before, stream));
    return edits;
  }

  private ObjectEdit edit(Optional<ImageStream> before, ImageStream stream) {
    return before.isPresent()
        ? ClusterObjects.replacement(
            Kinds.IMAGE_STREAM,
            stream
                .withMetadata(
                    stream
                        .metadata()
                        .deepCopy()
                        .put("resourceVersion", before.get().resourceVersion()))
                .json())
        : ClusterObjects.creation(
            Kinds.IMAGE_STREAM,
            objects.born(Kinds.IMAGE_STREAM, stream.namespace(), stream.json()));
  }

  private static ObjectNode parsed(StoredObject object) {
    return ClusterObjects.parsed(Kinds.IMAGE_STREAM, object.json(), object.revision());
  }

  /** Returns the repository of a stream; empty if the name is not valid for a repository. */
  static Optional<RepositoryName> repository(String namespace, String name) {
    try {
      return Optional.of(new RepositoryName(namespace + "/" + name));
    } catch (OciException e) {
      return Optional.empty();
    }
  }

  /**
   * Returns the content of a repository for pulls, if it is a stream. Takes microseconds unless the
   * stream has to be parsed first.
   */
  public Optional<StreamContent> content(RepositoryName name) {
    String path = name.path();
    int slash = path.indexOf('/');
    if (slash < 0 || slash != path.lastIndexOf('/')) {
      return Optional.empty();
    }
    String namespace = path.substring(0, slash);
    String stream = path.substring(slash + 1);
    ObjectName key = Kinds.IMAGE_STREAM.name(namespace, stream);
    String revision = objects.revisionOf(key);
    if (revision.isEmpty()) {
      return Optional.empty();
    }
    Parsed known = parsed.getIfPresent(key);
    if (known == null || !known.revision().equals(revision)) {
      Optional<ImageStream> found = find(namespace, stream);
      if (found.isEmpty()) {
        return Optional.empty();
      }
      known = new Parsed(found.get().resourceVersion(), content(found.get()));
      parsed.put(key, known);
    }
    return Optional.of(known.content());
  }

  private static StreamContent content(ImageStream stream) {
    var tags = new HashMap<Tag, Digest>();
    var origins = new LinkedHashSet<StreamContent.Origin>();
    for (Map.Entry<String, TagHistory> tag : stream.history().entrySet()) {
      SpecTag spec = stream.tags().get(tag.getKey());
      boolean isInsecure =
          stream.policy(spec == null ? ImportPolicy.USUAL : spec.importPolicy()).insecure();
      for (TagEvent event : tag.getValue().items()) {
        origin(event.reference(), isInsecure).ifPresent(origins::add);
      }
      tag.getValue()
          .latest()
          .flatMap(event -> digest(event.image()))
          .filter(digest -> Tag.isTag(tag.getKey()))
          .ifPresent(digest -> tags.put(new Tag(tag.getKey()), digest));
    }
    return new StreamContent(tags, List.copyOf(origins));
  }

  private static Optional<StreamContent.Origin> origin(String reference, boolean isInsecure) {
    try {
      PullSpec spec = PullSpec.parse(reference);
      return Optional.of(new StreamContent.Origin(spec.host(), spec.repository(), isInsecure));
    } catch (OciException e) {
      return Optional.empty();
    }
  }

  static Optional<Digest> digest(String text) {
    try {
      return Optional.of(Digest.parse(text));
    } catch (OciException e) {
      return Optional.empty();
    }
  }
}
