package dev.cistern.server.admin;

import dev.cistern.base.Guarded;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The end of everything that is thrown and that no one catches, on any thread of the process: one
 * ERROR and one count each. Work that has a guard ({@link Guarded}) ends here too.
 */
public final class Uncaught implements Thread.UncaughtExceptionHandler {
  private static final Logger LOG = LoggerFactory.getLogger(Uncaught.class);

  private final LongAdder count = new LongAdder();
  private volatile boolean isStopping;

  /** Makes one that takes what is thrown on all threads of the process from now on. */
  public static Uncaught installed() {
    var uncaught = new Uncaught();
    Thread.setDefaultUncaughtExceptionHandler(uncaught);
    return uncaught;
  }

  /** Returns how often something was thrown that no one caught. */
  public long count() {
    return count.sum();
  }

  /** Counts nothing from now on: the store closes under the work that has not ended by now. */
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
