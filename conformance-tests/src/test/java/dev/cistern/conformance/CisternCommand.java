package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;

/**
 * A command of the built distribution that has ended.
 *
 * @param output both streams
 */
record CisternCommand(int status, String output) {
  static CisternCommand run(String... words) {
    return run(List.of(words));
  }

  /** Runs a command to its end. */
  static CisternCommand run(List<String> words) {
    try {
      Process process =
          new ProcessBuilder(CisternServer.command(words)).redirectErrorStream(true).start();
      String output = new String(process.getInputStream().readAllBytes(), UTF_8);
      return new CisternCommand(process.waitFor(), output);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
  }
}
