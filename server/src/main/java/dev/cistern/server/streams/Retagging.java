package dev.cistern.server.streams;

import dev.cistern.oci.Digest;
import dev.cistern.oci.OciException;
import dev.cistern.server.objects.FieldError;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The consequences of a change of a stream's spec tags: generations of the stream and its tags, new
 * items, and items of the tags that track them. Reads other streams, and changes nothing.
 */
final class Retagging {
  private final Others others;
  private final Instant now;
  private final String registry;
  private final List<Copy> copies = new ArrayList<>();

  /**
   * Creates the instance for one change.
   *
   * @param registry {@code host[:port]} by which the client knows this registry
   */
  Retagging(Others others, Instant now, String registry) {
    this.others = others;
    this.now = now;
    this.registry = registry;
  }

  /** Access to other streams, and to the client's pull permissions. */
  interface Others {
    Optional<ImageStream> find(String namespace, String name);

    boolean mayPull(String namespace);

    /** Returns the digests of the children of an image, if it is an index. */
    Set<String> children(String image);
  }

  /** An image that this stream copies from another stream. */
  record Copy(String namespace, String name, Digest image) {}

  /**
   * The result of a change.
   *
   * @param stream the stream to store, if there are no errors
   * @param copies the images that the stream's repository must link before that
   */
  record Result(ImageStream stream, List<FieldError> errors, List<Copy> copies) {
    Result {
      errors = List.copyOf(errors);
      copies = List.copyOf(copies);
    }
  }

  /** Returns a new stream. The requested history is ignored. */
  Result made(ImageStream wanted) {
    ImageStream stream = wanted.withHistory(Map.of()).at(1);
    var tags = new TreeMap<String, SpecTag>();
    stream.tags().values().forEach(tag -> tags.put(tag.name(), tag.at(1)));
    Result result = tagged(stream.withTags(tags), Map.of());
    return new Result(tracked(Map.of(), result.stream), result.errors, copies);
  }

  /**
   * Returns a stream after a change of its spec.
   *
   * @param wanted the requested stream, with the previous history or a part of it
   */
  Result changed(ImageStream before, ImageStream wanted) {
    var tags = new TreeMap<String, SpecTag>();
    for (SpecTag tag : wanted.tags().values()) {
      SpecTag old = before.tags().get(tag.name());
      boolean isAgain = tag.generation().equals(OptionalLong.of(0));
      tags.put(tag.name(), isAgain || old == null ? tag : tag.with(old.generation()));
    }
    boolean isChanged =
        !tags.equals(before.tags())
            || !wanted.repository().equals(before.repository())
            || wanted.isLookedUp() != before.isLookedUp()
            || before.generation() == 0;
    long generation = isChanged ? before.generation() + 1 : before.generation();
    tags.replaceAll((name, tag) -> {
      boolean isSet = tag.generation().isPresent() && tag.generation().getAsLong() != 0;
      return isSet && !isChanged(before.tags().get(name), tag, wanted.namespace())
          ? tag
          : tag.at(generation);
    });
    ImageStream stream = wanted.withTags(tags).at(generation);
    Result result = tagged(stream, before.tags());
    return new Result(tracked(before.history(), result.stream), result.errors, copies);
  }

  /**
   * Returns whether a spec tag has a new source, reference flag or import mode, or requests another
   * import.
   */
  private static boolean isChanged(@Nullable SpecTag old, SpecTag next, String namespace) {
    if (old == null) {
      return true;
    }
    if (next.from().isEmpty()) {
      return false;
    }
    SourceReference from = next.from().get();
    Optional<SourceReference> before = old.from();
    boolean isAgain =
        next.generation().equals(OptionalLong.of(0))
            && !old.generation().equals(OptionalLong.of(0))
            && old.generation().isPresent();
    return before.isEmpty()
        || !in(before.get(), namespace).equals(in(from, namespace))
        || !before.get().name().equals(from.name())
        || old.isReference() != next.isReference()
        || old.importPolicy().mode() != next.importPolicy().mode()
        || isAgain;
  }

  private static String in(SourceReference from, String namespace) {
    return from.namespace().isEmpty() ? namespace : from.namespace();
  }

  /** Adds items to new and changed tags whose source is already known. */
  private Result tagged(ImageStream stream, Map<String, SpecTag> before) {
    var errors = new ArrayList<FieldError>();
    ImageStream result = stream;
    for (SpecTag tag : stream.tags().values()) {
      SpecTag old = before.get(tag.name());
      if (tag.from().isEmpty() || (old != null && !isChanged(old, tag, stream.namespace()))) {
        continue;
      }
      SourceReference from = tag.from().get();
      String path = "spec.tags[" + tag.name() + "].from";
      if (from.isDockerImage()) {
        result = tag.isReference() ? referring(result, tag, from) : result;
        continue;
      }
      Optional<SourceReference.InStream> item = from.inStream(stream.name());
      if (item.isEmpty()) {
        errors.add(
            FieldError.invalid(
                path + ".name",
                from.name(),
                "must be of the form <tag>, <repo>:<tag>, <id>, or <repo>@<id>"));
        continue;
      }
      String namespace = in(from, stream.namespace());
      if (!namespace.equals(stream.namespace()) && !others.mayPull(namespace)) {
        errors.add(
            FieldError.forbidden(
                path,
                namespace
                    + "/"
                    + item.get().stream()
                    + ": pull permission there is needed (get of imagestreams/layers)"));
        continue;
      }
      boolean isOwn =
          namespace.equals(stream.namespace()) && item.get().stream().equals(stream.name());
      Optional<ImageStream> source =
          isOwn ? Optional.of(result) : others.find(namespace, item.get().stream());
      if (source.isEmpty()) {
        errors.add(FieldError.notFound(path + ".name", from.name()));
        continue;
      }
      result = copied(result, tag, from, source.get(), item.get().item(), path, errors);
    }
    return new Result(result, errors, copies);
  }

  private ImageStream referring(ImageStream stream, SpecTag tag, SourceReference from) {
    var event = new TagEvent(now, from.name(), "", generation(tag));
    return stream.with(tag.name(), stream.history(tag.name()).and(event));
  }

  private ImageStream copied(
      ImageStream stream,
      SpecTag tag,
      SourceReference from,
      ImageStream source,
      String item,
      String path,
      List<FieldError> errors) {
    Optional<TagEvent> event;
    if (from.kind().equals(SourceReference.STREAM_TAG)) {
      event = source.latest(item.isEmpty() ? ImageStream.LATEST : item);
    } else {
      List<TagEvent> found = images(source, item);
      if (found.size() != 1) {
        errors.add(
            FieldError.invalid(
                path + ".name", from.name(), "error generating tag event: " + notOne(item, found)));
        return stream;
      }
      event = found.stream().findFirst();
    }
    if (event.isEmpty()) {
      return stream; // not an error, the source has no image yet
    }
    String reference = event.get().reference();
    if (!tag.isReference()) {
      reference = moved(reference, source, stream);
    }
    boolean isOther =
        !source.namespace().equals(stream.namespace()) || !source.name().equals(stream.name());
    Streams.digest(event.get().image())
        .filter(digest -> isOther)
        .ifPresent(digest -> copies.add(new Copy(source.namespace(), source.name(), digest)));
    var copy = new TagEvent(now, reference, event.get().image(), generation(tag));
    return stream.with(tag.name(), stream.history(tag.name()).and(copy));
  }

  private static String notOne(String item, List<TagEvent> found) {
    return found.isEmpty()
        ? "imagestreamimage.image.openshift.io \"" + item + "\" not found"
        : "Operation cannot be fulfilled on imagestreamimage.image.openshift.io \""
            + item
            + "\": multiple images match the prefix \""
            + item
            + "\": "
            + String.join(", ", found.stream().map(TagEvent::image).toList());
  }

  /**
   * Returns a reference to this stream, if the given one is to the source stream in this registry.
   * Other references are returned unchanged.
   */
  private String moved(String reference, ImageStream source, ImageStream stream) {
    String from = registry + "/" + source.namespace() + "/" + source.name();
    return reference.startsWith(from + "@") || reference.startsWith(from + ":")
        ? registry
            + "/"
            + stream.namespace()
            + "/"
            + stream.name()
            + reference.substring(from.length())
        : reference;
  }

  private static long generation(SpecTag tag) {
    return tag.generation().orElse(0);
  }

  /**
   * Returns the images of a stream that match a digest or the beginning of one, including children
   * of indexes.
   */
  private List<TagEvent> images(ImageStream stream, String text) {
    var images = new TreeMap<String, TagEvent>();
    for (TagHistory was : stream.history().values()) {
      for (TagEvent event : was.items()) {
        if (event.image().isEmpty()) {
          continue; // it only refers to an image elsewhere
        }
        if (isMeant(event.image(), text)) {
          images.putIfAbsent(event.image(), event);
        }
        others.children(event.image()).stream()
            .filter(child -> isMeant(child, text))
            .forEach(child -> images.putIfAbsent(child, child(event, child)));
      }
    }
    return List.copyOf(images.values());
  }

  private static TagEvent child(TagEvent index, String digest) {
    int at = index.reference().indexOf('@');
    String repository = at < 0 ? index.reference() : index.reference().substring(0, at);
    return new TagEvent(index.created(), repository + "@" + digest, digest, index.generation());
  }

  /** Returns whether a digest starts with a text, which may leave out the algorithm. */
  static boolean isMeant(String image, String text) {
    if (image.isEmpty()) {
      return false;
    }
    try {
      return Digest.parse(image).hex().startsWith(text) || image.startsWith(text);
    } catch (OciException e) {
      return image.startsWith(text);
    }
  }

  /**
   * Updates tags that track other tags of the stream, directly or indirectly, to their current
   * items.
   *
   * @param before the histories before the change
   */
  static ImageStream tracked(Map<String, TagHistory> before, ImageStream stream) {
    ImageStream result = stream;
    var moved = new TreeSet<String>();
    for (String tag : stream.history().keySet()) {
      Optional<TagEvent> latest = stream.latest(tag);
      TagHistory was = before.getOrDefault(tag, TagHistory.NONE);
      if (latest.isPresent() && !latest.equals(was.latest())) {
        moved.add(tag);
      }
    }
    var done = new TreeSet<String>();
    while (!moved.isEmpty()) {
      String tag = moved.removeFirst();
      if (!done.add(tag)) {
        continue; // the tags track each other
      }
      TagEvent now = result.latest(tag).orElseThrow();
      for (SpecTag tracking : result.tags().values()) {
        if (tracks(tracking, result, tag)) {
          TagHistory history = result.history(tracking.name());
          TagHistory next = history.and(now);
          if (!next.equals(history)) {
            result = result.with(tracking.name(), next);
            moved.add(tracking.name());
          }
        }
      }
    }
    return result;
  }

  private static boolean tracks(SpecTag tag, ImageStream stream, String other) {
    return !tag.name().equals(other)
        && tag.from()
            .filter(from -> from.kind().equals(SourceReference.STREAM_TAG))
            .filter(from -> in(from, stream.namespace()).equals(stream.namespace()))
            .flatMap(from -> from.inStream(stream.name()))
            .filter(item -> item.stream().equals(stream.name()) && item.item().equals(other))
            .isPresent();
  }
}
