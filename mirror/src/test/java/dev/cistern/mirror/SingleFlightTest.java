package dev.cistern.mirror;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class SingleFlightTest {
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final SingleFlight<String, Integer> flights = new SingleFlight<>(threads);
  private final AtomicInteger runs = new AtomicInteger();

  @AfterEach
  void stop() {
    threads.shutdownNow();
  }

  @Test
  void whoComesWhileItRunsGetsItsResult() {
    var mayEnd = new CountDownLatch(1);

    CompletableFuture<Integer> first = flights.join("a", () -> run(mayEnd));
    CompletableFuture<Integer> second = flights.join("a", () -> run(mayEnd));
    mayEnd.countDown();

    assertThat(first.join()).isEqualTo(1);
    assertThat(second.join()).isEqualTo(1);
  }

  @Test
  void whoComesAfterItsEndStartsAnother() {
    var mayEnd = new CountDownLatch(0);

    assertThat(flights.join("a", () -> run(mayEnd)).join()).isEqualTo(1);
    assertThat(flights.join("a", () -> run(mayEnd)).join()).isEqualTo(2);
  }

  @Test
  void keysDoNotWaitForEachOther() {
    var mayEnd = new CountDownLatch(1);

    CompletableFuture<Integer> waiting = flights.join("a", () -> run(mayEnd));

    assertThat(flights.join("b", () -> 5).join()).isEqualTo(5);
    assertThat(waiting).isNotDone();
    mayEnd.countDown();
    assertThat(waiting.join()).isEqualTo(1);
  }

  @Test
  void aFailureIsForThoseWhoWaitedAndNotForLater() {
    CompletableFuture<Integer> failing =
        flights.join(
            "a",
            () -> {
              throw new IllegalStateException("no");
            });

    assertThatThrownBy(failing::join).hasRootCauseMessage("no");
    assertThat(flights.join("a", () -> 7).join()).isEqualTo(7);
  }

  private int run(CountDownLatch mayEnd) {
    try {
      mayEnd.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
    return runs.incrementAndGet();
  }
}
