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
 * The image streams that are stored. A stream is changed as it was when it was looked at: when
 * somebody else came first, the change is decided anew.
 *
 * <p>Safe for all threads.
 */
public final class Streams {
  private static final int MOST_TRIES = 20;

  /** How many tags and origins of streams are kept parsed, together: of each some 300 bytes. */
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
   * @param notices has others be told of what happens to streams
   */
  public Streams(ClusterObjects objects, Repositories repositories, Notices notices) {
    this.objects = objects;
    this.repositories = repositories;
    this.notices = notices;
  }

  /** A stream as it was at a revision, and what it is to pulls. */
  private record Parsed(String revision, StreamContent content) {}

  private static int weight(StreamContent content) {
    return 1 + content.tags().size() + content.origins().size();
  }

  /** Decides what a stream is to be. May be asked several times. */
  public interface Change {
    /**
     * Returns what is to be done with a stream.
     *
     * @param before the stream as it is; empty if there is none
     * @throws ApiException if it cannot be changed so
     */
    Changed decide(Optional<ImageStream> before) throws IOException;
  }

  /**
   * What is to be done.
   *
   * @param stream as it is to be
   * @param others what is to be done with other objects at the same time
   */
  public record Changed(ImageStream stream, List<ObjectEdit> others) {
    public Changed {
      others = List.copyOf(others);
    }

    public static Changed of(ImageStream stream) {
      return new Changed(stream, List.of());
    }
  }

  /** Returns who stands between those who name images and who removes them. */
  ImageGuard guard() {
    return guard;
  }

  ClusterObjects objects() {
    return objects;
  }

  Repositories repositories() {
    return repositories;
  }

  /** Returns how long the JSON of a stream is, in characters; 0 if there is none. */
  int length(String namespace, String name) {
    return objects.length(Kinds.IMAGE_STREAM.name(namespace, name));
  }

  /** Returns a stream as it is now. */
  public Optional<ImageStream> find(String namespace, String name) {
    return objects.get(Kinds.IMAGE_STREAM, namespace, name).map(ImageStream::of);
  }

  /**
   * Returns a stream as it is now.
   *
   * @throws ApiException if there is none
   */
  public ImageStream require(String namespace, String name) {
    return ImageStream.of(objects.require(Kinds.IMAGE_STREAM, namespace, name));
  }

  /**
   * Changes a stream, or makes it.
   *
   * @return the stream as it is stored
   * @throws ApiException if it cannot be changed, or others change it all the time
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

  /** Changes a stream if there is one. */
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

  /** Changes a stream once, if it is still as it was read; returns nothing if it is not. */
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

  /** Returns the tags of the registry that point to what a tag of the stream is no more. */
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
   * Lets the repository of a stream have images that other streams have, as far as they are here,
   * so that who may pull from it needs no rights there.
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
   * Says whether an image is a stream's own: one of its items, which came by an import, a push or
   * the tag of another. What an index among these names is, if its repository has that: who pushes
   * an index can name anything.
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

  /** Removes a stream with its tags, if it is still as it was read; its images stay. */
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
   * Removes a tag with its history, and the one of the registry; the images stay.
   *
   * @return whether the stream had it
   * @throws ApiException if there is no such stream, or others change it all the time
   */
  public boolean removeTag(String namespace, String name, String tag) throws IOException {
    return removeTag(namespace, name, tag, before -> {});
  }

  /**
   * Does the same to a stream that passes a check.
   *
   * @param check looks at the stream that the change will find; throws if it is another one
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

  /** Returns what is to be done so that a stream is stored, which is the last of it. */
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

  /** Returns the repository of a stream; none if there can be no such repository. */
  static Optional<RepositoryName> repository(String namespace, String name) {
    try {
      return Optional.of(new RepositoryName(namespace + "/" + name));
    } catch (OciException e) {
      return Optional.empty();
    }
  }

  /** Returns what a repository is to pulls, if it is a stream. Takes microseconds. */
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
