package dev.cistern.server.streams;

import dev.cistern.server.objects.ClusterObjects;
import dev.cistern.server.objects.Kinds;
import java.util.Collections;
import java.util.SortedSet;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;

/**
 * Which images belong to a stream: those of its history, and the children of indexes among them.
 */
public final class StreamImages {
  private static final int DEEPEST = 4;

  private final ClusterObjects objects;

  public StreamImages(ClusterObjects objects) {
    this.objects = objects;
  }

  /** Returns the digests of all images of a stream. */
  public SortedSet<String> all(ImageStream stream) {
    var all = new TreeSet<String>();
    for (TagHistory was : stream.history().values()) {
      for (TagEvent event : was.items()) {
        if (!event.image().isEmpty()) {
          add(event.image(), all, 0);
        }
      }
    }
    return Collections.unmodifiableSortedSet(all);
  }

  /** Returns the digests of an image and of all that it names, if it is an index. */
  SortedSet<String> named(String digest) {
    var named = new TreeSet<String>();
    add(digest, named, 0);
    return named;
  }

  private void add(String digest, SortedSet<String> all, int depth) {
    if (all.add(digest) && depth < DEEPEST) {
      children(digest).forEach(child -> add(child, all, depth + 1));
    }
  }

  /** Returns the digests of what an image names, if it is an index. */
  SortedSet<String> children(String digest) {
    var children = new TreeSet<String>();
    objects
        .get(Kinds.IMAGE, "", digest)
        .ifPresent(image -> {
          for (JsonNode child : image.path("dockerImageManifests")) {
            children.add(child.path("digest").asString(""));
          }
        });
    return children;
  }

  /** Returns those of a stream's images that a digest, or the beginning of one, can mean. */
  public SortedSet<String> meant(ImageStream stream, String text) {
    var meant = new TreeSet<String>();
    all(stream).stream().filter(image -> Retagging.isMeant(image, text)).forEach(meant::add);
    return meant;
  }
}
