package dev.cistern.mirror;

import java.io.IOException;
import java.time.Duration;

/** Pause before a retry. */
final class Pause {
  private Pause() {}

  /**
   * Waits for {@code time}.
   *
   * @throws IOException if the server is stopping
   */
  static void sleep(Duration time) throws IOException {
    try {
      Thread.sleep(time);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("the server is stopping", e);
    }
  }
}
