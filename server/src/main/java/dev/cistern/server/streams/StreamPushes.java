package dev.cistern.server.streams;

import dev.cistern.mirror.ParsedManifest;
import dev.cistern.oci.Digest;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.Manifest;
import dev.cistern.oci.OciException;
import dev.cistern.oci.Reference;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import dev.cistern.server.objects.ClusterObjects;
import dev.cistern.server.objects.Kinds;
import dev.cistern.server.objects.Meta;
import dev.cistern.storage.Blob;
import dev.cistern.storage.Blobs;
import dev.cistern.storage.ObjectEdit;
import dev.cistern.storage.Objects;
import java.io.IOException;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.node.ObjectNode;

/**
 * Effects of pushes and deletions on image streams. A push to {@code NAMESPACE/NAME} adds an item
 * to each pushed tag of that stream, and creates the stream if it does not exist. A deletion
 * removes the content from the stream too.
 */
public final class StreamPushes {
  private static final Logger LOG = LoggerFactory.getLogger(StreamPushes.class);

  /**
   * Bytes of memory per character of a stream: its text before and after, and the bytes of both.
   */
  private static final long CHANGE_FACTOR = 6;

  private static final String MANAGED = "openshift.io/image.managed";

  private final Streams streams;
  private final Pruner pruner;
  private final Blobs blobs;
  private final InstantSource clock;

  public StreamPushes(Streams streams, Pruner pruner, Blobs blobs, InstantSource clock) {
    this.streams = streams;
    this.pruner = pruner;
    this.blobs = blobs;
    this.clock = clock;
  }

  /** The namespace and the name of a stream. */
  private record Name(String namespace, String stream) {
    /** Returns the stream of a repository, if the repository's name has two components. */
    static Optional<Name> of(RepositoryName repository) {
      String[] parts = repository.path().split("/", -1);
      return parts.length == 2 ? Optional.of(new Name(parts[0], parts[1])) : Optional.empty();
    }
  }

  /** Returns the maximum memory that a push to a repository needs for its stream, in bytes. */
  public long memory(RepositoryName repository) {
    return Name.of(repository)
        .map(name -> CHANGE_FACTOR * streams.length(name.namespace(), name.stream()))
        .orElse(0L);
  }

  /** Stores pushed content together with changes of objects. */
  public interface Put {
    /** Returns whether the content was stored; false if an object has changed meanwhile. */
    boolean with(List<ObjectEdit> edits) throws IOException;
  }

  /**
   * Stores a pushed manifest together with the change of its stream.
   *
   * @param registry the name by which the client knows this registry
   * @param mayOverwrite whether a tag that points to another image may be moved
   * @throws OciException with DENIED, if a tag would be moved and may not be
   */
  public void pushed(
      RepositoryName repository,
      ParsedManifest pushed,
      Collection<Tag> tags,
      String registry,
      boolean mayOverwrite,
      Put put)
      throws IOException {
    boolean isDone = false;
    while (!isDone) { // another request may change the stream meanwhile
      isDone =
          streams
              .guard()
              .naming(noting -> {
                noting.note(List.of(pushed.stored().digest().toString()));
                return put.with(edits(repository, pushed, tags, registry, mayOverwrite));
              });
    }
  }

  private List<ObjectEdit> edits(
      RepositoryName repository,
      ParsedManifest pushed,
      Collection<Tag> tags,
      String registry,
      boolean mayOverwrite)
      throws IOException {
    Optional<Name> name = Name.of(repository);
    if (name.isEmpty()) {
      return List.of();
    }
    Digest digest = pushed.stored().digest();
    String reference = registry + "/" + repository + "@" + digest;
    var edits = new ArrayList<ObjectEdit>();
    image(repository, pushed, reference).ifPresent(edits::add);
    if (!tags.isEmpty()) {
      Optional<ImageStream> before = streams.find(name.get().namespace(), name.get().stream());
      ImageStream old =
          before.orElseGet(() -> ImageStream.empty(name.get().namespace(), name.get().stream()));
      if (!mayOverwrite) {
        tags.forEach(tag -> requireNew(old, tag, digest));
      }
      ImageStream stream = tagged(old, tags, reference, digest.toString());
      if (!stream.equals(old)) {
        edits.addAll(stored(before, stream, tags));
      }
    }
    return edits;
  }

  /**
   * Returns the edits that store the stream. A stream that is too long keeps only the current items
   * of its tags. If it is still too long and had none of the pushed tags before, there are no
   * edits. The tags are then stored in the registry only.
   */
  private List<ObjectEdit> stored(
      Optional<ImageStream> before, ImageStream stream, Collection<Tag> pushed) {
    List<ObjectEdit> edits = streams.edits(before, stream);
    if (areStorable(edits)) {
      return edits;
    }
    String name = stream.namespace() + "/" + stream.name();
    var latest = new TreeMap<String, TagHistory>();
    stream
        .history()
        .forEach((tag, was) -> latest.put(tag, was.with(was.items().stream().limit(1).toList())));
    List<ObjectEdit> shorter = streams.edits(before, stream.withHistory(latest));
    boolean isKnown =
        pushed.stream().anyMatch(tag -> stream.history(tag.name()).items().size() > 1);
    if (areStorable(shorter) || isKnown) {
      LOG.atWarn().addKeyValue("stream", name).log("too long: it forgets what its tags were");
      return shorter;
    }
    LOG.atWarn()
        .addKeyValue("stream", name)
        .log("too long: it does not get the tag that is pushed");
    return List.of();
  }

  private static boolean areStorable(List<ObjectEdit> edits) {
    return edits.stream()
        .allMatch(edit -> !(edit instanceof ObjectEdit.Put put) || Objects.isStorable(put.json()));
  }

  private static void requireNew(ImageStream stream, Tag tag, Digest digest) {
    Optional<TagEvent> latest = stream.latest(tag.name());
    if (latest.isPresent() && !latest.get().image().equals(digest.toString())) {
      throw new OciException(
          ErrorCode.DENIED,
          "the tag "
              + tag
              + " of image stream "
              + stream.namespace()
              + "/"
              + stream.name()
              + " is there and points elsewhere",
          "you may push new tags, but not move one; push it under another");
    }
  }

  private ImageStream tagged(
      ImageStream old, Collection<Tag> tags, String reference, String digest) {
    Instant now = clock.instant();
    long generation = old.generation() + 1;
    ImageStream stream = old;
    for (Tag tag : tags) {
      TagHistory was = old.history(tag.name());
      boolean isSame =
          was.latest()
              .filter(event -> event.image().equals(digest) && event.reference().equals(reference))
              .isPresent();
      if (!isSame) {
        stream = stream.with(tag.name(), was.and(new TagEvent(now, reference, digest, generation)));
      }
    }
    return stream.equals(old) ? old : Retagging.tracked(old.history(), stream.at(generation));
  }

  private Optional<ObjectEdit> image(
      RepositoryName repository, ParsedManifest pushed, String reference) throws IOException {
    ClusterObjects objects = streams.objects();
    String digest = pushed.stored().digest().toString();
    if (!objects.revisionOf(Kinds.IMAGE.name("", digest)).isEmpty()) {
      return Optional.empty();
    }
    ObjectNode image =
        ImageObject.of(pushed, reference, config(repository, pushed.manifest()), clock.instant());
    Meta.annotations(Meta.of(image)).put(MANAGED, "true");
    return Optional.of(ClusterObjects.creation(Kinds.IMAGE, objects.born(Kinds.IMAGE, "", image)));
  }

  /** Returns the configuration of an image, if the repository has it. */
  private Optional<byte[]> config(RepositoryName repository, Manifest manifest) throws IOException {
    if (!(manifest instanceof Manifest.Image image)
        || image.config().size() > ImageObject.MOST_CONFIG_BYTES
        || !blobs.isLinked(repository, image.config().digest())) {
      return Optional.empty();
    }
    Optional<Blob> blob = blobs.open(image.config().digest());
    if (blob.isEmpty() || blob.get().size() > ImageObject.MOST_CONFIG_BYTES) {
      blob.ifPresent(Blob::release);
      return Optional.empty();
    }
    try (Blob config = blob.get()) {
      return config.readVerified();
    }
  }

  /**
   * Deletes a tag, or an image with all tags that point to it, from a repository and its stream in
   * one change. The children of a deleted index are removed afterwards, unless they are used.
   *
   * @return whether the repository or the stream had it
   */
  public boolean delete(RepositoryName repository, Reference reference) throws IOException {
    Optional<Name> name = Name.of(repository);
    while (true) { // another request may change the stream meanwhile
      Optional<ImageStream> before =
          name.flatMap(one -> streams.find(one.namespace(), one.stream()));
      Optional<ImageStream> after =
          before.map(stream -> without(stream, reference)).filter(one -> !before.get().equals(one));
      List<ObjectEdit> edits = after.map(stream -> streams.edits(before, stream)).orElse(List.of());
      Optional<Boolean> deleted = streams.repositories().delete(repository, reference, edits);
      if (deleted.isPresent()) {
        if (reference instanceof Digest digest && before.isPresent()) {
          pruner.orphans(repository, digest);
        }
        return deleted.get() || after.isPresent();
      }
    }
  }

  private static ImageStream without(ImageStream stream, Reference reference) {
    if (reference instanceof Tag tag) {
      return stream.without(tag.name());
    }
    Predicate<TagEvent> isDeleted = event -> event.image().equals(reference.toString());
    ImageStream fewer = stream;
    for (Map.Entry<String, TagHistory> tag : stream.history().entrySet()) {
      TagHistory was = tag.getValue();
      fewer =
          was.latest().filter(isDeleted).isPresent()
              ? fewer.without(tag.getKey()) // it gets no earlier item and no new import
              : fewer.with(
                  tag.getKey(), was.with(was.items().stream().filter(isDeleted.negate()).toList()));
    }
    return fewer;
  }
}
