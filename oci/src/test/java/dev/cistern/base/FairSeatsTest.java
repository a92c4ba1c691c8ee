package dev.cistern.base;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.ArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FairSeatsTest {
  private final AtomicLong now = new AtomicLong();
  private final FairSeats seats = new FairSeats(1, now::get);
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();

  @AfterEach
  void close() {
    threads.close();
  }

  private void awaitWaiting(int number) {
    await()
        .pollDelay(Duration.ZERO)
        .pollInterval(Duration.ofMillis(1))
        .until(() -> seats.waiting() == number);
  }

  /** Begins to wait for a seat. */
  private Future<FairSeats.Seat> begin(String holder) {
    int before = seats.waiting();
    Future<FairSeats.Seat> seat = threads.submit(() -> seats.take(holder));
    awaitWaiting(before + 1);
    return seat;
  }

  /** Works for a time, and leaves the seat to the next holder. */
  private void work(FairSeats.Seat seat) {
    now.addAndGet(10);
    seat.close();
  }

  /** Returns a seat after its rest. */
  private FairSeats.Seat got(Future<FairSeats.Seat> future) throws Exception {
    FairSeats.Seat seat = future.get(10, TimeUnit.SECONDS);
    now.addAndGet(10);
    return seat;
  }

  @Test
  void aSeatRestsWhileHoldersWait() throws Exception {
    var real = new FairSeats(1, System::nanoTime);
    FairSeats.Seat first = real.take("a");
    long begun = System.nanoTime();
    Future<Long> second =
        threads.submit(() -> {
          try (FairSeats.Seat _ = real.take("b")) {
            return System.nanoTime();
          }
        });
    await().until(() -> real.waiting() == 1);
    first.close();
    long worked = System.nanoTime() - begun;

    assertThat(second.get() - begun).isGreaterThan(worked + worked / 2);
  }

  @Test
  void theHolderThatUsedSeatsForTheShortestTimeIsNext() throws Exception {
    FairSeats.Seat first = seats.take("greedy");
    Future<FairSeats.Seat> second = begin("greedy");
    Future<FairSeats.Seat> third = begin("greedy");
    Future<FairSeats.Seat> modest = begin("modest");

    work(first);
    work(got(modest));
    work(got(second));
    work(got(third));

    assertThat(seats.holders()).isZero();
  }

  @Test
  void aHolderThatComesBackIsNotOwedThePause() throws Exception {
    FairSeats.Seat seat = seats.take("busy");
    for (int i = 0; i < 5; i++) {
      Future<FairSeats.Seat> next = begin("busy");
      work(seat);
      seat = got(next);
    }
    Future<FairSeats.Seat> busy = begin("busy");
    Future<FairSeats.Seat> back = begin("back");
    Future<FairSeats.Seat> again = begin("back");
    work(seat);
    work(got(back));
    work(got(busy));
    work(got(again));
  }

  @ParameterizedTest
  @CsvSource({"a, b, c", "b, c, a", "c, a, b", "a, c, b", "b, a, c", "c, b, a"})
  void aHolderThatComesAgainAtOnceDoesNotOvertake(String one, String two, String three)
      throws Exception {
    FairSeats.Seat first = seats.take(one);
    Future<FairSeats.Seat> second = begin(two);
    Future<FairSeats.Seat> third = begin(three);
    work(first);
    Future<FairSeats.Seat> firstAgain = begin(one);
    work(got(second));
    Future<FairSeats.Seat> secondAgain = begin(two);
    work(got(third));
    work(got(firstAgain));
    work(got(secondAgain));
  }

  @ParameterizedTest
  @CsvSource({"a, b, c", "b, c, a", "c, a, b"})
  void whoWorksTwiceIsNotStarvedByThoseThatComeAgainAndAgain(String twice, String one, String two)
      throws Exception {
    FairSeats.Seat first = seats.take(twice);
    Future<FairSeats.Seat> more = begin(twice);
    Future<FairSeats.Seat> ofOne = begin(one);
    work(first);
    Future<FairSeats.Seat> ofTwo = begin(two);
    work(got(ofOne));
    Future<FairSeats.Seat> oneAgain = begin(one);
    work(got(ofTwo));
    work(got(more));
    work(got(oneAgain));
  }

  @Test
  void noMoreWorkAtATimeThanThereAreSeats() throws Exception {
    var two = new FairSeats(2, System::nanoTime);
    var working = new AtomicInteger();
    var most = new AtomicInteger();
    var all = new ArrayList<Future<?>>();
    for (int i = 0; i < 1_000; i++) {
      String holder = "h" + i % 7;
      all.add(
          threads.submit(() -> {
            try (FairSeats.Seat _ = two.take(holder)) {
              most.accumulateAndGet(working.incrementAndGet(), Math::max);
              working.decrementAndGet();
            }
            return holder;
          }));
    }
    for (Future<?> each : all) {
      each.get();
    }

    assertThat(most).hasValueBetween(1, 2);
    assertThat(two.holders()).isZero();
  }

  @Test
  void anInterruptedWaitKeepsNoSeat() throws Exception {
    FairSeats.Seat first = seats.take("a");
    Future<FairSeats.Seat> waiting = begin("b");
    waiting.cancel(true);
    awaitWaiting(0);
    first.close();

    seats.take("c").close();
    assertThat(seats.holders()).isZero();
  }
}
