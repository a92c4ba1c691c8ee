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
 * The handling of SIGTERM and SIGINT: the first asks the server to end, the second ends it at once
 * with the status that shells know (143, 130), and so does the first while the server starts.
 * Whatever hangs, the process is gone some time after the first.
 */
final class Signals {
  private static final Logger LOG = LoggerFactory.getLogger(Signals.class);
  private static final int SIGNALED = 128;
  private static final int FAILED = 1;

  /**
   * How long the last lines of the log may take; a log without a reader must not hold the process.
   */
  private static final Duration LAST_WORDS = Duration.ofSeconds(1);

  private final IntConsumer halt;
  private final AtomicInteger count = new AtomicInteger();
  private final CountDownLatch first = new CountDownLatch(1);
  private volatile Optional<Ending> ending = Optional.empty();

  /**
   * @param halt ends the process with a status, whatever runs
   */
  Signals(IntConsumer halt) {
    this.halt = halt;
  }

  /**
   * How a server ends that was asked to.
   *
   * @param atMost how long that may take
   * @param step returns the name of the part that is ending
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
   * Takes the next signal for a wish that the server ends.
   *
   * @param atMost how long that may take before the process ends
   * @param step returns the name of the part that is ending
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

  /** Ends the wait though no signal came, within the same time. */
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

  /** Logs something and writes the log out, in a bounded time. */
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
