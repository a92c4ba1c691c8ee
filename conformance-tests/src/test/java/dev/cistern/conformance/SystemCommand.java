package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.util.concurrent.TimeUnit;

/** Commands that set up a test and that only root may run. */
final class SystemCommand {
  private static final int TIMEOUT_SECONDS = 30;

  private SystemCommand() {}

  /** Runs a command to its end; returns what failed, or "". */
  static String run(String... command) {
    try {
      Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
      String output = new String(process.getInputStream().readAllBytes(), UTF_8);
      if (!process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        return String.join(" ", command) + ": does not end";
      }
      return process.exitValue() == 0 ? "" : String.join(" ", command) + ": " + output.strip();
    } catch (IOException e) {
      return String.valueOf(e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return "interrupted";
    }
  }
}
