package dev.cistern.server;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ServiceManagerTest {
  private final BlockingQueue<String> told = new LinkedBlockingQueue<>();

  @Test
  void itHearsOfTheStartAndOfTheStop() {
    var manager = new ServiceManager(told::add, Optional.empty(), () -> true);
    manager.ready("serving");
    manager.stopping("stopping", Duration.ofSeconds(40));

    assertThat(told)
        .containsExactly(
            "READY=1\nSTATUS=serving", "STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC=40000000");
  }

  @Test
  void theWatchdogHearsOnlyOfAProcessThatMoves() throws InterruptedException {
    var isMoving = new AtomicBoolean(true);
    var asked = new LinkedBlockingQueue<Boolean>();
    try (var manager =
        new ServiceManager(
            told::add,
            Optional.of(Duration.ofMillis(2)),
            () -> {
              asked.add(isMoving.get());
              return isMoving.get();
            })) {
      manager.ready("serving");
      assertThat(told.poll(60, SECONDS)).startsWith("READY=1");
      assertThat(told.poll(60, SECONDS)).isEqualTo("WATCHDOG=1");
      isMoving.set(false);
      while (asked.take()) {
        // Until it is asked the first time after that.
      }
      told.clear();
      assertThat(asked.poll(60, SECONDS)).isFalse();
      assertThat(told).isEmpty();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "30000000,, PT30S",
    "30000000, 42, PT30S",
    "30000000, 43,",
    "0, 42,",
    "soon, 42,",
    ", 42,"
  })
  void theWatchdogIsForTheProcessThatItNames(
      @Nullable String micros, @Nullable String pid, @Nullable String expected) {
    var environment = new HashMap<String, String>();
    if (micros != null) {
      environment.put("WATCHDOG_USEC", micros);
    }
    if (pid != null) {
      environment.put("WATCHDOG_PID", pid);
    }
    assertThat(ServiceManager.watchdog(Map.copyOf(environment), 42))
        .isEqualTo(Optional.ofNullable(expected).map(Duration::parse));
  }
}
