package dev.cistern.server.streams;

import dev.cistern.oci.Digest;
import dev.cistern.oci.ManifestWalk;
import dev.cistern.oci.OciException;
import dev.cistern.server.objects.ClusterObjects;
import dev.cistern.server.objects.Kinds;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.JsonNode;

/**
 * The images that belong to a stream: those of its history, and the children of indexes among them.
 */
public final class StreamImages {
  private static final Logger LOG = LoggerFactory.getLogger(StreamImages.class);

  /** Approximate size of one child in an index, in bytes. */
  private static final int DESCRIPTOR_BYTES = 150;

  private final ClusterObjects objects;

  public StreamImages(ClusterObjects objects) {
    this.objects = objects;
  }

  /**
   * Returns the digests of all images of a stream.
   *
   * @throws OciException with MANIFEST_INVALID, if these are more than are followed
   */
  public SortedSet<String> all(ImageStream stream) {
    var all = new TreeSet<String>();
    walk(stream.images(), all);
    return Collections.unmodifiableSortedSet(all);
  }

  /**
   * Returns the digests of images and of their descendants, up to the limit of manifests. The
   * manifests that name the others keep them.
   */
  SortedSet<String> named(Collection<String> images) {
    var named = new TreeSet<String>();
    try {
      walk(images, named);
    } catch (OciException e) {
      LOG.atWarn().addKeyValue("reason", e.message()).log("images are not followed to their end");
    }
    return named;
  }

  private void walk(Collection<String> images, SortedSet<String> all) {
    var roots = new ArrayList<Digest>();
    for (String image : images) {
      Streams.digest(image).ifPresentOrElse(roots::add, () -> all.add(image));
    }
    ManifestWalk.<RuntimeException>from(
        roots,
        (digest, level) -> {
          all.add(digest.toString());
          List<Digest> children =
              children(digest.toString()).stream()
                  .flatMap(child -> Streams.digest(child).stream())
                  .toList();
          return new ManifestWalk.Visit((long) children.size() * DESCRIPTOR_BYTES, children);
        });
  }

  /** Returns the digests of the children of an image, if it is an index. */
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

  /** Returns the images of a stream that match a digest or the beginning of one. */
  public SortedSet<String> meant(ImageStream stream, String text) {
    var meant = new TreeSet<String>();
    all(stream).stream().filter(image -> Retagging.isMeant(image, text)).forEach(meant::add);
    return meant;
  }
}
