package dev.cistern.conformance.clients;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionTimeoutException;

/**
 * A program that runs beside a test until it is closed, with everything it keeps in one directory
 * of its own.
 */
final class Daemon implements AutoCloseable {
  private static final Duration START = Duration.ofSeconds(30);
  private static final Duration STOP = Duration.ofSeconds(20);

  private final Process process;
  private final Path directory;

  private Daemon(Process process, Path directory) {
    this.process = process;
    this.directory = directory;
  }

  /** Starts it; what it says goes to {@code directory/log}. */
  static Daemon start(Path directory, Command command) {
    try {
      Files.createDirectories(directory);
      var log = ProcessBuilder.Redirect.to(directory.resolve("log").toFile());
      var errors = ProcessBuilder.Redirect.to(directory.resolve("errors").toFile());
      return new Daemon(command.start(log, errors), directory);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Waits until it is ready; closes it and skips or fails the test if it never is. */
  Daemon awaitReady(BooleanSupplier isReady) {
    try {
      Awaitility.await()
          .atMost(START)
          .pollDelay(Duration.ZERO)
          .pollInterval(Duration.ofMillis(25))
          .until(() -> !process.isAlive() || isReady.getAsBoolean());
    } catch (ConditionTimeoutException e) {
      close();
      throw new AssertionError(directory + " was not ready in time:\n" + errors(), e);
    }
    if (!process.isAlive()) {
      close();
      throw Clients.unavailable(
          process.info().command().orElse(directory.getFileName().toString())
              + " does not run here:\n"
              + errors());
    }
    return this;
  }

  /** Returns its process. */
  ProcessHandle process() {
    return process.toHandle();
  }

  /** Returns what it has written to its standard output so far. */
  List<String> log() {
    return lines("log");
  }

  /** Returns what it has written to its error output so far. */
  String errors() {
    return String.join("\n", lines("errors"));
  }

  private List<String> lines(String file) {
    try {
      return Files.readAllLines(directory.resolve(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Ends it (SIGTERM) and all it has started, waits until it is gone and unmounts what it left. */
  @Override
  public void close() {
    List<ProcessHandle> family = process.descendants().toList();
    process.destroy();
    try {
      if (!process.waitFor(STOP.toMillis(), TimeUnit.MILLISECONDS)) {
        process.destroyForcibly().waitFor();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    for (ProcessHandle child : family) {
      if (child.isAlive()) {
        child.destroyForcibly();
      }
    }
    unmount(directory);
  }

  /** Unmounts everything below the directory, the last mounted first. */
  static void unmount(Path directory) {
    Path mounts = Path.of("/proc/self/mounts");
    if (!Files.exists(mounts)) {
      return;
    }
    try {
      List<String> below =
          Files.readAllLines(mounts).stream()
              .map(line -> line.split(" ", 3)[1])
              .filter(point -> Path.of(point).startsWith(directory.toAbsolutePath()))
              .toList();
      for (String point : below.reversed()) {
        Command.of("umount", point).run();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
