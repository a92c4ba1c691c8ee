package dev.cistern.server.streams;

import java.util.Collection;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;

/**
 * Stands between those who make streams name images and who removes images that no stream names.
 *
 * <p>Who prunes looks through all streams first, and that takes time. What streams begin to name
 * meanwhile is noted before it is stored; a removal looks at what is noted, and while it goes on
 * nothing is noted. So an image that is named by then stays, and one that is named later is seen to
 * be gone.
 */
final class ImageGuard {
  private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
  private volatile @Nullable Set<String> noted;

  /** Takes note of images that a stream is about to name; called before that is stored. */
  interface Noting {
    void note(Collection<String> digests);
  }

  /** Decides on a change that makes streams name images, and makes it. */
  interface Naming<T, E extends Exception> {
    T run(Noting noting) throws E;
  }

  /** A removal; returns whether it was made. */
  interface Removal<E extends Exception> {
    boolean run(Set<String> noted) throws E;
  }

  /** Makes a change after which streams name images; nothing is removed while it goes on. */
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

  /** Begins to note what streams name. One who prunes at a time. */
  void begin() {
    lock.writeLock().lock();
    try {
      noted = ConcurrentHashMap.newKeySet();
    } finally {
      lock.writeLock().unlock();
    }
  }

  /** Ends what {@link #begin} began. */
  void end() {
    noted = null;
  }

  /** Removes an image while no stream begins to name one; the removal is told what was noted. */
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
