package dev.cistern.server.cli;

import java.util.function.IntConsumer;
import sun.misc.Signal;

/**
 * The only use of {@code sun.misc.Signal}, from the JDK's module {@code jdk.unsupported}. Other
 * ways do not see a second signal, and do not let the process end with status 0 after the first.
 * The compiler's warning about it cannot be suppressed, so the build compiles this class
 * separately.
 */
final class SignalHandlers {
  private SignalHandlers() {}

  /**
   * Handles a signal, each time in a new thread. A signal that was ignored when the process started
   * stays ignored, as in a background job of a script.
   *
   * @param name the name without the prefix SIG
   * @param handler the consumer of the signal's number
   */
  static void handle(String name, IntConsumer handler) {
    Signal.handle(new Signal(name), signal -> handler.accept(signal.getNumber()));
  }
}
