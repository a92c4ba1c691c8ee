package dev.cistern.mirror;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class SingleFlightTest {
  private static final Duration YOUNG = Duration.ofSeconds(2);
  private static final Duration LONG = Duration.ofHours(1);
  private static final Duration SHORT = Duration.ofMillis(20);
  private static final int BAD = -1;

  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final AtomicLong now = new AtomicLong();
  private final SingleFlight<String, Integer> flights =
      new SingleFlight<>(threads, value -> value != BAD, YOUNG, now::get);
  private final AtomicInteger runs = new AtomicInteger();
  private final AtomicInteger begun = new AtomicInteger();
  private final AtomicInteger cut = new AtomicInteger();

  @AfterEach
  void stop() {
    threads.shutdownNow();
  }

  @Test
  void aCallerThatComesWhileItRunsGetsItsResult() {
    var mayEnd = new CountDownLatch(1);

    SingleFlight.Joined<Integer> first = flights.join("a", LONG, () -> run(mayEnd));
    pass(YOUNG);
    SingleFlight.Joined<Integer> second = flights.join("a", LONG, () -> run(mayEnd));
    mayEnd.countDown();

    assertThat(first.isMine()).isTrue();
    assertThat(second.isMine()).isFalse();
    assertThat(first.result().join()).isEqualTo(1);
    assertThat(second.result().join()).isEqualTo(1);
  }

  @Test
  void aCallerThatComesAfterItsEndStartsAnother() {
    assertThat(join(() -> 1).join()).isEqualTo(1);
    assertThat(join(() -> 2).join()).isEqualTo(2);
    assertThat(flights.count()).isZero();
  }

  @Test
  void keysDoNotWaitForEachOther() {
    CompletableFuture<Integer> waiting = join(this::hang);

    assertThat(flights.join("b", LONG, () -> 5).result().join()).isEqualTo(5);
    assertThat(waiting).isNotDone();
  }

  @Test
  void aFailureIsForThoseWhoWaitedAndNotForLater() {
    CompletableFuture<Integer> failing =
        join(() -> {
          throw new IllegalStateException("no");
        });

    assertThatThrownBy(failing::join).hasRootCauseMessage("no");
    assertThat(join(() -> 7).join()).isEqualTo(7);
  }

  @Test
  void afterAShortTimeItIsNotJoinedAndAGoodResultAnswersAll() {
    CompletableFuture<Integer> first = hanging(this::join);
    pass(YOUNG.plusNanos(1));

    assertThat(join(() -> 7).join()).isEqualTo(7);
    assertThat(first.join()).isEqualTo(7);
    awaitCut(1);
  }

  @Test
  void aBadResultLeavesTheOtherFlightToItsEnd() {
    var mayEnd = new CountDownLatch(1);
    CompletableFuture<Integer> first = join(() -> run(mayEnd));
    pass(YOUNG.plusNanos(1));

    assertThat(join(() -> BAD).join()).isEqualTo(BAD);
    assertThat(first).isNotDone();
    mayEnd.countDown();
    assertThat(first.join()).isEqualTo(1);
  }

  @Test
  void thereAreAtMostTwoAndTheFirstIsHeardHoweverManyCome() {
    var mayEnd = new CountDownLatch(1);
    CompletableFuture<Integer> first = join(() -> run(mayEnd));
    List<CompletableFuture<Integer>> others = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      pass(YOUNG.plusNanos(1));
      others.add(hanging(this::join));
      assertThat(flights.count()).isEqualTo(2);
    }
    mayEnd.countDown();

    assertThat(first.join()).isEqualTo(1);
    assertThat(others).allSatisfy(other -> assertThat(other.join()).isEqualTo(1));
    awaitCut(5);
  }

  @Test
  void whatIsDemandedIsNeverAnsweredByWhatBeganBefore() {
    var mayEnd = new CountDownLatch(1);
    CompletableFuture<Integer> before = join(() -> run(mayEnd));

    CompletableFuture<Integer> demanded = flights.demand("a", LONG, this::hang);
    mayEnd.countDown();

    assertThat(before.join()).isEqualTo(1);
    assertThat(demanded).isNotDone();
    assertThat(flights.demand("a", LONG, () -> 9).join()).isEqualTo(9);
    assertThat(demanded.join()).isEqualTo(9);
  }

  @Test
  void aThirdThatIsDemandedReplacesTheSecondThenTheFirst() {
    CompletableFuture<Integer> first = hanging(this::join);
    CompletableFuture<Integer> second = hanging(work -> flights.demand("a", LONG, work));
    CompletableFuture<Integer> third = hanging(work -> flights.demand("a", LONG, work));
    awaitCut(1);
    pass(YOUNG.plusNanos(1));

    assertThat(join(() -> 4)).isSameAs(third); // both were demanded, so there is no third
    CompletableFuture<Integer> fourth = flights.demand("a", LONG, () -> 5);

    assertThat(List.of(first, second, third, fourth))
        .allSatisfy(flight -> assertThat(flight.join()).isEqualTo(5));
    assertThat(flights.count()).isZero();
  }

  @Test
  void oneThatTakesTooLongIsCutAndForgotten() {
    CompletableFuture<Integer> late = flights.join("a", SHORT, this::hang).result();

    assertThatThrownBy(() -> SingleFlight.await(late))
        .isInstanceOf(SingleFlight.LateException.class);
    await().until(() -> cut.get() == begun.get()); // 0 if its time was over before it began
    assertThat(flights.count()).isZero();
    assertThat(join(() -> 7).join()).isEqualTo(7);
  }

  @Test
  void aCallerThatWaitedLongEnoughForAnotherStartsItsOwn() throws IOException {
    CompletableFuture<Integer> hanging = join(this::hang);

    assertThat(flights.get("a", SHORT, LONG, () -> 3)).isEqualTo(3);
    assertThat(hanging.join()).isEqualTo(3);
  }

  private CompletableFuture<Integer> join(Supplier<Integer> work) {
    return flights.join("a", LONG, work).result();
  }

  /** Starts a flight that hangs and waits until it runs: one that is cut before never does. */
  private CompletableFuture<Integer> hanging(
      Function<Supplier<Integer>, CompletableFuture<Integer>> start) {
    int before = begun.get();
    CompletableFuture<Integer> flight = start.apply(this::hang);
    await().until(() -> begun.get() > before);
    return flight;
  }

  private void pass(Duration time) {
    now.addAndGet(time.toNanos());
  }

  private void awaitCut(int count) {
    await().until(() -> cut.get() == count);
  }

  private int hang() {
    return run(new CountDownLatch(1));
  }

  private int run(CountDownLatch mayEnd) {
    begun.incrementAndGet();
    try {
      mayEnd.await();
    } catch (InterruptedException e) {
      cut.incrementAndGet();
      throw new IllegalStateException(e);
    }
    return runs.incrementAndGet();
  }
}
