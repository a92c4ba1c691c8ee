package dev.cistern.storage;

import static dev.cistern.storage.Pushes.bytes;
import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.storage.Index.Durability;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class IndexTest {
  private static final byte[] COUNTER = bytes("counter");

  @TempDir private Path directory;
  private Index index;

  @BeforeEach
  void open() throws IOException {
    index = Index.open(Files.createDirectories(directory.resolve("index")));
  }

  @AfterEach
  void close() {
    index.close();
  }

  @Test
  void whatIsWrittenIsThereAfterAReopen() throws IOException {
    put("a", "1", Durability.SYNCED);
    put("b", "2", Durability.VISIBLE);

    index.close();
    open();

    assertThat(index.get(bytes("a"))).isEqualTo(bytes("1"));
    assertThat(index.get(bytes("b"))).isEqualTo(bytes("2"));
    assertThat(index.get(bytes("c"))).isNull();
  }

  @Test
  void aScanSeesOnlyItsPrefixInOrderAndEndsWhenToldTo() throws IOException {
    for (String key : List.of("b/2", "a", "b/1", "b0", "b/3", "b")) {
      put(key, "", Durability.VISIBLE);
    }

    assertThat(keys("b/", "b/", 9)).containsExactly("b/1", "b/2", "b/3");
    assertThat(keys("b/", "b/2", 9)).containsExactly("b/2", "b/3");
    assertThat(keys("b/", "b/", 2)).containsExactly("b/1", "b/2");
    assertThat(keys("x", "x", 9)).isEmpty();
  }

  @Test
  void theWriterOutlivesWhateverAChangeThrows() throws IOException {
    for (Runnable broken :
        List.<Runnable>of(
            () -> {
              throw new ArithmeticException("long overflow");
            },
            () -> {
              throw new StackOverflowError("of a test");
            })) {
      assertThatThrownBy(() ->
              index.write(
                  Durability.SYNCED,
                  batch -> {
                    broken.run();
                    return true;
                  }))
          .isNotNull();
      index.write(
          Durability.SYNCED,
          batch -> {
            batch.put(bytes("after"), bytes("1"));
            batch.afterwards(broken);
            return true;
          });

      put("next", "1", Durability.SYNCED);
      assertThat(index.get(bytes("after"))).as("it was written").isEqualTo(bytes("1"));
    }
  }

  @Test
  void aSmallChangeWhoseGroundMovesAllTheTimeIsMadeOnTheWritersThread() throws IOException {
    Thread caller = Thread.currentThread();
    put("ground", "0", Durability.VISIBLE);
    var moves = new int[1];

    String decided =
        index.decide(
            Durability.SYNCED,
            batch -> {
              String ground = new String(requireNonNull(batch.get(bytes("ground"))), UTF_8);
              if (Thread.currentThread().equals(caller)) {
                move("ground", ++moves[0]);
              }
              batch.put(bytes("decided"), bytes(ground));
              return ground;
            });

    assertThat(decided).isEqualTo("" + moves[0]);
    assertThat(index.get(bytes("decided"))).isEqualTo(bytes(decided));
  }

  @Test
  void aSmallChangeInTurnIsNotMadeIfItsGuardRefuses() throws IOException {
    Thread caller = Thread.currentThread();
    var moves = new int[1];
    var asked = new int[1];

    Optional<Boolean> decided =
        index.decide(
            Durability.SYNCED,
            batch -> {
              batch.get(bytes("ground"));
              if (Thread.currentThread().equals(caller)) {
                move("ground", ++moves[0]);
              }
              batch.put(bytes("decided"), bytes("yes"));
              return true;
            },
            batch -> {
              asked[0]++;
              return false;
            });

    assertThat(decided).isEmpty();
    assertThat(asked[0]).isOne();
    assertThat(index.get(bytes("decided"))).isNull();
  }

  @Test
  void aChangeSeesWhatItWroteItself() throws IOException {
    put("a/1", "old", Durability.VISIBLE);

    List<String> seen =
        index.write(
            Durability.SYNCED,
            batch -> {
              batch.delete(bytes("a/1"));
              batch.put(bytes("a/2"), bytes("new"));
              var keys = new ArrayList<String>();
              batch.scan(
                  bytes("a/"),
                  (key, value) -> {
                    keys.add(Keys.textAfter(0, key));
                    return true;
                  });
              assertThat(batch.get(bytes("a/1"))).isNull();
              assertThat(batch.get(bytes("a/2"))).isEqualTo(bytes("new"));
              return keys;
            });

    assertThat(seen).containsExactly("a/2");
  }

  @Test
  void aChangeThatThrowsLeavesNoTrace() throws IOException {
    put("kept", "1", Durability.VISIBLE);

    assertThatThrownBy(() ->
            index.write(
                Durability.SYNCED,
                batch -> {
                  batch.put(bytes("trace"), bytes("1"));
                  batch.delete(bytes("kept"));
                  throw new IllegalStateException("no");
                }))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("no");

    assertThat(index.get(bytes("trace"))).isNull();
    assertThat(index.get(bytes("kept"))).isEqualTo(bytes("1"));
  }

  @Test
  void manyWritersLoseNothingAndTheOneThatFailsAmongThemLeavesNoTrace()
      throws InterruptedException, IOException {
    int writers = 64;
    int times = 20;
    var begin = new CountDownLatch(1);
    var failed = 0;
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var running = new ArrayList<Future<Long>>();
      for (int i = 0; i < writers; i++) {
        boolean fails = i % 8 == 3;
        Durability durability = i % 2 == 0 ? Durability.SYNCED : Durability.VISIBLE;
        running.add(
            threads.submit(() -> {
              begin.await();
              long last = 0;
              for (int n = 0; n < times; n++) {
                last = count(durability, fails);
              }
              return last;
            }));
      }
      begin.countDown();
      for (Future<Long> writer : running) {
        try {
          assertThat(writer.get()).isPositive();
        } catch (ExecutionException e) {
          assertThat(e).hasCauseInstanceOf(IllegalStateException.class);
          failed++;
        }
      }
    }

    assertThat(failed).isEqualTo(writers / 8);
    assertThat(number(requireNonNull(index.get(COUNTER))))
        .isEqualTo((writers - failed) * (long) times);
    assertThat(index.get(bytes("trace"))).isNull();
  }

  /** Reads a counter and writes it plus one; a failing change spoils it first. */
  private long count(Durability durability, boolean fails) throws IOException {
    return index.write(
        durability,
        batch -> {
          byte[] old = batch.get(COUNTER);
          long next = (old == null ? 0 : number(old)) + 1;
          if (fails) {
            batch.put(COUNTER, bytes("spoiled"));
            batch.put(bytes("trace"), bytes("1"));
            throw new IllegalStateException("no");
          }
          batch.put(COUNTER, ByteBuffer.allocate(Long.BYTES).putLong(next).array());
          return next;
        });
  }

  private static long number(byte[] value) {
    return ByteBuffer.wrap(value).getLong();
  }

  private void move(String key, int value) {
    try {
      put(key, "" + value, Durability.VISIBLE);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void put(String key, String value, Durability durability) throws IOException {
    index.write(
        durability,
        batch -> {
          batch.put(bytes(key), bytes(value));
          return true;
        });
  }

  private List<String> keys(String prefix, String from, int most) {
    var keys = new ArrayList<String>();
    index.scan(
        bytes(prefix),
        bytes(from),
        (key, value) -> {
          keys.add(Keys.textAfter(0, key));
          return keys.size() < most;
        });
    return keys;
  }
}
