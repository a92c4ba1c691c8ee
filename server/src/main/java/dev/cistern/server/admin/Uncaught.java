package dev.cistern.server.admin;

import dev.cistern.base.Guarded;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Handler of all exceptions that no code catches, on any thread of the process. Each one is logged
 * as an ERROR and counted. Exceptions of work that {@link Guarded} runs are handled here too.
 */
public final class Uncaught implements Thread.UncaughtExceptionHandler {
  private static final Logger LOG = LoggerFactory.getLogger(Uncaught.class);

  private final LongAdder count = new LongAdder();
  private volatile boolean isStopping;

  /** Creates a handler and installs it for all threads of the process. */
  public static Uncaught installed() {
    var uncaught = new Uncaught();
    Thread.setDefaultUncaughtExceptionHandler(uncaught);
    return uncaught;
  }

  /** Returns the number of uncaught exceptions. */
  public long count() {
    return count.sum();
  }

  /** Stops counting, because the store is closed next and work that is still running fails. */
  public void stop() {
    isStopping = true;
  }

  @Override
  public void uncaughtException(Thread thread, Throwable thrown) {
    if (isStopping) {
      LOG.atDebug().setCause(thrown).log("cut off by the stop");
      return;
    }
    count.increment();
    String work = thrown instanceof Guarded.Failure failure ? failure.work() : thread.getName();
    LOG.atError().addKeyValue("work", work).setCause(thrown).log("uncaught exception");
  }
}
