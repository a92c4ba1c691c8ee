package dev.cistern.server.cli;

import dev.cistern.server.Logs;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Handling of SIGTERM and SIGINT. The first signal requests a graceful stop. The second ends the
 * process at once with the status that shells expect (143, 130), as does a first signal during the
 * start. The process ends within a bounded time after the first signal, even if a part hangs.
 */
final class Signals {
  private static final Logger LOG = LoggerFactory.getLogger(Signals.class);
  private static final int SIGNALED = 128;
  private static final int FAILED = 1;

  /**
   * Maximum time to write the last log lines. A log whose reader is blocked must not keep the
   * process alive.
   */
  private static final Duration LAST_WORDS = Duration.ofSeconds(1);

  private final IntConsumer halt;
  private final AtomicInteger count = new AtomicInteger();
  private final CountDownLatch first = new CountDownLatch(1);
  private volatile Optional<Ending> ending = Optional.empty();

  /**
   * @param halt the function that ends the process with a status, whatever is running
   */
  Signals(IntConsumer halt) {
    this.halt = halt;
  }

  /**
   * The graceful stop of a server.
   *
   * @param atMost the maximum duration
   * @param step the supplier of the name of the part that is stopping
   */
  private record Ending(Duration atMost, Supplier<String> step) {}

  /** Installs the handlers. */
  static Signals install() {
    var signals = new Signals(status -> Runtime.getRuntime().halt(status));
    for (String name : new String[] {"TERM", "INT"}) {
      SignalHandlers.handle(name, number -> signals.received(name, number));
    }
    return signals;
  }

  /**
   * Makes the next signal request a graceful stop.
   *
   * @param atMost the time after which the process ends anyway
   * @param step the supplier of the name of the part that is stopping
   */
  void serving(Duration atMost, Supplier<String> step) {
    ending = Optional.of(new Ending(atMost, step));
  }

  /** Waits for the first signal. */
  void await() throws InterruptedException {
    first.await();
  }

  void received(String name, int number) {
    Optional<Ending> asked = ending;
    if (asked.isPresent() && count.incrementAndGet() == 1) {
      begin(asked.get());
      return;
    }
    if (asked.isPresent()) {
      say(() -> LOG.atWarn().addKeyValue("signal", name).log("second signal, ending at once"));
    }
    halt.accept(SIGNALED + number);
  }

  /** Starts the graceful stop without a signal, with the same time limit. */
  void end() {
    ending.filter(asked -> count.incrementAndGet() == 1).ifPresent(this::begin);
  }

  private void begin(Ending asked) {
    Thread.ofPlatform().daemon().name("stop-deadline").start(() -> haltAfter(asked));
    first.countDown();
  }

  private void haltAfter(Ending asked) {
    try {
      Thread.sleep(asked.atMost().minus(LAST_WORDS));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    say(() -> LOG.atError().addKeyValue("part", asked.step().get()).log("stop hangs"));
    halt.accept(FAILED);
  }

  /** Logs a message and flushes the log, within {@link #LAST_WORDS}. */
  private static void say(Runnable words) {
    Thread speaker =
        Thread.ofPlatform()
            .daemon()
            .start(() -> {
              words.run();
              Logs.stop();
            });
    try {
      speaker.join(LAST_WORDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
