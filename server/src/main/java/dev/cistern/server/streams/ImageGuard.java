package dev.cistern.server.streams;

import java.util.Collection;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;

/**
 * Guard between changes that make streams name images and removals of images that no stream names.
 *
 * <p>A prune run first reads all streams, which takes time. Images that streams start to name
 * meanwhile are noted before the change is stored. A removal checks the noted images, and no image
 * is noted while it runs. Therefore an image that was named before the removal stays, and a change
 * after the removal sees that the image is gone.
 */
final class ImageGuard {
  private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
  private volatile @Nullable Set<String> noted;

  /** Notes images that a stream is about to name; called before the change is stored. */
  interface Noting {
    void note(Collection<String> digests);
  }

  /** Computes and stores a change that makes streams name images. */
  interface Naming<T, E extends Exception> {
    T run(Noting noting) throws E;
  }

  /** A removal of an image, which returns whether it was made. */
  interface Removal<E extends Exception> {
    boolean run(Set<String> noted) throws E;
  }

  /** Runs a change after which streams name images; no removal runs at the same time. */
  <T, E extends Exception> T naming(Naming<T, E> change) throws E {
    lock.readLock().lock();
    try {
      return change.run(digests -> {
        Set<String> all = noted;
        if (all != null) {
          all.addAll(digests);
        }
      });
    } finally {
      lock.readLock().unlock();
    }
  }

  /**
   * Starts noting the images that streams begin to name. Only one prune run may do so at a time.
   */
  void begin() {
    lock.writeLock().lock();
    try {
      noted = ConcurrentHashMap.newKeySet();
    } finally {
      lock.writeLock().unlock();
    }
  }

  /** Stops noting, which {@link #begin} started. */
  void end() {
    noted = null;
  }

  /**
   * Runs a removal, to which it passes the noted images. No stream can begin to name an image
   * meanwhile.
   */
  <E extends Exception> boolean removing(Removal<E> removal) throws E {
    lock.writeLock().lock();
    try {
      Set<String> all = noted;
      return removal.run(all == null ? Set.of() : new HashSet<>(all));
    } finally {
      lock.writeLock().unlock();
    }
  }
}
