package dev.cistern.oci;

import java.util.ArrayDeque;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * A walk over the manifests that can be reached from given manifests: children, referrers, or
 * others that the visitor returns. It visits each digest once, in the order of distance. It stops
 * with an exception at its limits, because the manifests that a client names can form a graph of
 * any size.
 *
 * <p>Used by one thread. Holds the visited digests, at most {@link #MAX_MANIFESTS}.
 */
public final class ManifestWalk {
  /** Maximum number of distinct manifests in a walk. */
  public static final int MAX_MANIFESTS = 10_000;

  /**
   * Maximum length of a chain of manifests in which each leads to the next, including the first
   * one.
   */
  public static final int MAX_LEVELS = 32;

  /** Maximum total size of the manifests in a walk, in bytes. */
  public static final long MAX_BYTES = 64L << 20;

  private final Set<Digest> seen = new HashSet<>();
  private final ArrayDeque<Place> queue = new ArrayDeque<>();
  private long bytes;

  private ManifestWalk() {}

  private record Place(Digest manifest, int level) {}

  /**
   * The result of a visit.
   *
   * @param bytes the size of the manifest; 0 if it is not stored
   * @param next the manifests that it leads to, in any number and order
   */
  public record Visit(long bytes, List<Digest> next) {
    /** The visit of a manifest that is not stored, or is not followed. */
    public static final Visit NOTHING = new Visit(0, List.of());

    public Visit {
      next = List.copyOf(next);
    }

    /** Returns the visit of a manifest that leads to its children. */
    public static Visit of(Manifest manifest, long bytes) {
      return new Visit(bytes, manifest.children().map(Descriptor::digest).toList());
    }
  }

  /** A function that is called for each manifest of a walk. */
  public interface Visitor<E extends Exception> {
    /**
     * Visits a manifest.
     *
     * @param level the distance from the start, counted from 1 for a manifest that the walk begins
     *     with
     */
    Visit visit(Digest manifest, int level) throws E;
  }

  /**
   * Walks from a manifest.
   *
   * @throws OciException with MANIFEST_INVALID, if the walk exceeds a limit
   */
  public static <E extends Exception> void from(Digest manifest, Visitor<E> visitor) throws E {
    from(List.of(manifest), visitor);
  }

  /**
   * Walks from several manifests.
   *
   * @throws OciException with MANIFEST_INVALID, if the walk exceeds a limit
   */
  public static <E extends Exception> void from(Collection<Digest> manifests, Visitor<E> visitor)
      throws E {
    var walk = new ManifestWalk();
    walk.add(manifests.stream(), 1);
    while (!walk.queue.isEmpty()) {
      Place place = walk.queue.remove();
      Visit visit = visitor.visit(place.manifest, place.level);
      walk.read(visit.bytes);
      walk.add(visit.next.stream(), place.level + 1);
    }
  }

  private void add(Stream<Digest> manifests, int level) {
    manifests.forEach(manifest -> {
      if (seen.add(manifest)) {
        requireAtMost(MAX_MANIFESTS, seen.size(), "manifests");
        requireAtMost(MAX_LEVELS, level, "levels of manifests");
        queue.add(new Place(manifest, level));
      }
    });
  }

  private void read(long more) {
    bytes += more;
    requireAtMost(MAX_BYTES, bytes, "bytes of manifests");
  }

  private static void requireAtMost(long limit, long number, String what) {
    if (number > limit) {
      throw new OciException(
          ErrorCode.MANIFEST_INVALID,
          "manifest invalid: it leads to %d %s, at most %d are followed"
              .formatted(number, what, limit));
    }
  }
}
