package dev.cistern.server.cli;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.Test;

class SignalsTest {
  private static final Duration LONG = Duration.ofDays(1);

  private final BlockingQueue<Integer> halts = new LinkedBlockingQueue<>();
  private final Signals signals = new Signals(halts::add);

  @Test
  void theFirstAsksToEndAndTheSecondEndsAtOnce() throws InterruptedException {
    signals.serving(LONG, () -> "replies");
    signals.received("TERM", 15);
    signals.await();
    assertThat(halts).isEmpty();

    signals.received("INT", 2);
    assertThat(halts).containsExactly(130);
  }

  @Test
  void theFirstEndsAServerThatStarts() {
    signals.received("TERM", 15);

    assertThat(halts).containsExactly(143);
  }

  @Test
  void whateverHangsTheProcessEndsAfterItsTime() throws InterruptedException {
    signals.serving(Duration.ofSeconds(1), () -> "the part that hangs");
    signals.received("TERM", 15);

    assertThat(halts.poll(60, SECONDS)).isEqualTo(1);
  }
}
