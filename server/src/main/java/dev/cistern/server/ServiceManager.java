package dev.cistern.server;

import dev.cistern.server.http.HttpServer;
import dev.cistern.server.http.LoopPulse;
import dev.cistern.storage.IndexHealth;
import java.io.IOException;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The connection to the service manager (systemd) that started this process, by sd_notify(3). If
 * the manager watches the process ({@code WATCHDOG_USEC}), a virtual thread reports twice in that
 * time that the process works. It checks this before each report.
 */
final class ServiceManager implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ServiceManager.class);

  /**
   * Minimum time without progress that counts as hanging. Event loops record their progress once a
   * second.
   */
  private static final Duration MIN_STILL = Duration.ofSeconds(3);

  private static final String MICROS = "\\d{1,18}";

  private final Consumer<String> socket;
  private final Optional<Duration> watchdog;
  private final BooleanSupplier isMoving;
  private @Nullable Thread watch;

  /**
   * @param socket the receiver of assignments
   * @param watchdog the time without a report after which the manager ends the process
   * @param isMoving returns whether the process makes progress; does not block
   */
  ServiceManager(Consumer<String> socket, Optional<Duration> watchdog, BooleanSupplier isMoving) {
    this.socket = socket;
    this.watchdog = watchdog;
    this.isMoving = isMoving;
  }

  /**
   * Connects to the manager that the environment names in {@code NOTIFY_SOCKET}. If it names none,
   * reports have no effect.
   */
  static ServiceManager of(
      Map<String, String> environment, HttpServer http, LoopPulse pulse, IndexHealth index) {
    String path = environment.getOrDefault("NOTIFY_SOCKET", "");
    Optional<Duration> watchdog = watchdog(environment, ProcessHandle.current().pid());
    if (!path.isEmpty()) {
      try {
        Duration limit = watchdog.filter(time -> time.compareTo(MIN_STILL) > 0).orElse(MIN_STILL);
        return new ServiceManager(
            http.notifySocket(path)::send,
            watchdog,
            () -> pulse.oldest().compareTo(limit) < 0 && index.busyFor().compareTo(limit) < 0);
      } catch (IOException e) {
        LOG.atWarn()
            .addKeyValue("socket", path)
            .addKeyValue("reason", e.getMessage())
            .log("service manager not notified");
      }
    }
    return new ServiceManager(assignments -> {}, Optional.empty(), () -> true);
  }

  /** Returns the watchdog timeout that the environment sets for the process with this id. */
  static Optional<Duration> watchdog(Map<String, String> environment, long process) {
    String micros = environment.getOrDefault("WATCHDOG_USEC", "");
    String meant = environment.getOrDefault("WATCHDOG_PID", "");
    boolean isMeant = meant.isEmpty() || meant.equals(Long.toString(process));
    return isMeant && micros.matches(MICROS) && Long.parseLong(micros) > 0
        ? Optional.of(Duration.of(Long.parseLong(micros), ChronoUnit.MICROS))
        : Optional.empty();
  }

  /** Reports that the server is ready, and starts the watchdog's thread. */
  void ready(String status) {
    socket.accept("READY=1\nSTATUS=" + status);
    watchdog.ifPresent(time ->
        watch = Thread.ofVirtual().name("watchdog").start(() -> keepTelling(time.dividedBy(2))));
  }

  /** Reports that the server is stopping, its progress, and the maximum time left from now. */
  void stopping(String status, Duration atMost) {
    long micros = TimeUnit.NANOSECONDS.toMicros(atMost.toNanos());
    socket.accept("STOPPING=1\nSTATUS=" + status + "\nEXTEND_TIMEOUT_USEC=" + micros);
  }

  private void keepTelling(Duration pause) {
    try {
      while (true) {
        if (isMoving.getAsBoolean()) {
          socket.accept("WATCHDOG=1");
        }
        Thread.sleep(pause);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    if (watch != null) {
      watch.interrupt();
    }
  }
}
