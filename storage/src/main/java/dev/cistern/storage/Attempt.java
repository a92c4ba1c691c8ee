package dev.cistern.storage;

import dev.cistern.storage.Intents.Step;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksDBException;
import org.rocksdb.WriteBatchWithIndex;

/**
 * One attempt to make a change that is decided outside the writer thread of the index. Each key is
 * recorded before it is read. In {@link #write} the writer thread checks whether a recorded key was
 * written since, and writes only if none was. A change of more than one page of keys is written
 * under an intent.
 *
 * <p>The decision runs on the thread that created the attempt. The writer thread sets {@code
 * isStale}.
 */
final class Attempt implements AutoCloseable {
  /** The outcome of an attempt. */
  enum Written {
    DONE,
    /** The guard, parameter {@code last} of {@link #write}, rejected the change. */
    REJECTED,
    /**
     * A key that the decision read has changed, or a condition no longer holds. The change must be
     * decided again.
     */
    STALE
  }

  private final Index index;
  private final ReadSet reads = new ReadSet();
  private final WriteBatchWithIndex entries = new WriteBatchWithIndex(true);
  private final List<Step> steps = new ArrayList<>();
  private final Map<ByteBuffer, Long> sums = new HashMap<>();
  private final List<BooleanSupplier> conditions = new ArrayList<>();
  private final List<Runnable> afterwards = new ArrayList<>();
  private boolean isBlind;
  private long keys;
  private long intent = Intents.NONE;
  private boolean isCommitted;
  private volatile boolean isStale;

  Attempt(Index index) {
    this.index = index;
    index.watch(this);
  }

  <T> T decide(Index.Change<T> change) throws IOException {
    try {
      return change.apply(new Decision());
    } catch (UncheckedIOException e) {
      throw e.getCause();
    } catch (RocksDBException e) {
      throw new IOException("the index could not be read: " + e, e);
    }
  }

  /** Returns whether there is nothing to write. */
  boolean isEmpty() {
    return steps.isEmpty() && sums.isEmpty() && afterwards.isEmpty() && intent == Intents.NONE;
  }

  /** Returns the number of keys that the decision has read and written. */
  long keys() {
    return keys;
  }

  /** Marks this attempt as stale if a written batch changes a key that it read. */
  void written(Index.Batch batch) {
    if (!isStale && batch.changes(reads)) {
      isStale = true;
    }
  }

  /** Writes the decided change if the guard {@code last} permits it. */
  Written write(Index.Durability durability, Index.Change<Boolean> last) throws IOException {
    if (intent == Intents.NONE) {
      return index.write(durability, batch -> write(batch, last));
    }
    stage();
    return index
        .intents()
        .commit(() -> {
          Written written = index.write(durability, batch -> write(batch, last));
          isCommitted = written == Written.DONE;
          return written;
        });
  }

  private Written write(Index.Batch batch, Index.Change<Boolean> last) throws RocksDBException {
    if (isStale
        || batch.changes(reads)
        || !conditions.stream().allMatch(BooleanSupplier::getAsBoolean)) {
      return Written.STALE;
    }
    if (!last.apply(batch)) {
      return Written.REJECTED;
    }
    if (intent == Intents.NONE) {
      for (Step step : steps) {
        batch.apply(step);
      }
    } else {
      index.intents().mark(batch, intent);
    }
    for (Map.Entry<ByteBuffer, Long> sum : sums.entrySet()) {
      batch.add(sum.getKey().array(), sum.getValue());
    }
    afterwards.forEach(batch::afterwards);
    return Written.DONE;
  }

  private void stage() throws IOException {
    if (!steps.isEmpty()) {
      index.intents().stage(intent, steps);
      steps.clear();
    }
  }

  /** Drops the staged part of the change unless it is committed. */
  @Override
  public void close() throws IOException {
    index.unwatch(this);
    entries.close();
    if (intent != Intents.NONE && !isCommitted) {
      index.intents().drop(intent);
    }
  }

  /** The reads and writes of the decision. */
  private final class Decision extends Index.Batch {
    Decision() {
      index.super(Attempt.this.entries);
    }

    @Override
    byte @Nullable [] get(byte[] key) throws RocksDBException {
      read(key);
      return index.read(() -> super.get(key));
    }

    @Override
    boolean has(byte[] key) throws RocksDBException {
      read(key);
      return index.read(() -> super.has(key));
    }

    @Override
    boolean hasAny(byte[] prefix) throws RocksDBException {
      keys++;
      reads.addPrefix(prefix);
      return index.read(() -> super.hasAny(prefix));
    }

    @Override
    List<byte[]> keys(byte[] prefix, byte[] from, int most) throws RocksDBException {
      reads.addPrefix(prefix);
      List<byte[]> found = index.read(() -> super.keys(prefix, from, most));
      keys += 1 + found.size();
      return found;
    }

    @Override
    void scan(byte[] prefix, Index.Visitor visitor) throws RocksDBException {
      reads.addPrefix(prefix);
      index.read(() -> {
        super.scan(
            prefix,
            (key, value) -> {
              keys++;
              return visitor.visit(key, value);
            });
        return true;
      });
    }

    @Override
    void put(byte[] key, byte[] value) throws RocksDBException {
      index.read(() -> {
        super.put(key, value);
        return true;
      });
      add(new Step(key, value));
    }

    @Override
    void delete(byte[] key) throws RocksDBException {
      index.read(() -> {
        super.delete(key);
        return true;
      });
      add(new Step(key, null));
    }

    @Override
    void wrote(byte[] key) {}

    @Override
    void add(byte[] key, long count) {
      sums.merge(ByteBuffer.wrap(key), count, Long::sum);
    }

    @Override
    void require(BooleanSupplier condition) {
      conditions.add(condition);
    }

    @Override
    void afterwards(Runnable action) {
      afterwards.add(action);
    }

    @Override
    void readsNothingItWrote() {
      isBlind = true;
    }

    private void read(byte[] key) {
      keys++;
      reads.addKey(key);
    }

    private void add(Step step) {
      keys++;
      steps.add(step);
      if (steps.size() > Intents.MAX_KEYS_PER_PAGE) {
        if (intent == Intents.NONE) {
          intent = index.intents().begin();
        }
        try {
          stage();
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
        if (isBlind) {
          Attempt.this.entries.clear();
        }
      }
    }
  }
}
