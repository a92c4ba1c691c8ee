package dev.cistern.server.cli;

import java.util.function.IntConsumer;
import sun.misc.Signal;

/**
 * The one use of {@code sun.misc.Signal}, of the JDK's module {@code jdk.unsupported}: only its
 * handlers see a second signal, and let the process end with status 0 after the first. The compiler
 * warns of it in a way that nothing suppresses, so the build compiles this class by itself.
 */
final class SignalHandlers {
  private SignalHandlers() {}

  /**
   * Handles a signal, each time on a thread of its own. A signal that was ignored when the process
   * started (a job in the background of a script) stays ignored.
   *
   * @param name without the prefix SIG
   * @param handler gets the signal's number
   */
  static void handle(String name, IntConsumer handler) {
    Signal.handle(new Signal(name), signal -> handler.accept(signal.getNumber()));
  }
}
