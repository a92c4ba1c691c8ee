package dev.cistern.base;

/**
 * The entry point of work on a thread whose owner would swallow what the work throws, or end with
 * it: tasks of event loops, listeners of futures, steps of a loop that must not end.
 *
 * <p>Everything that is thrown, errors included, goes to the uncaught exception handler of the
 * thread, where a thread that dies of it would have taken it: it is logged and counted in one
 * place. The work ends, the thread does not.
 */
public final class Guarded {
  private Guarded() {}

  /** A failure that no one expected, with the name of the work that it ended. */
  public static final class Failure extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final String work;

    private Failure(String work, Throwable cause) {
      super(work + " broke", cause);
      this.work = work;
    }

    /** Returns the name of the work. */
    public String work() {
      return work;
    }
  }

  /**
   * Returns the same work with a guard.
   *
   * @param name of the work, for the log
   */
  public static Runnable of(String name, Runnable work) {
    return () -> run(name, work);
  }

  /**
   * Runs the work; throws nothing.
   *
   * @param name of the work, for the log
   */
  public static void run(String name, Runnable work) {
    try {
      work.run();
    } catch (Throwable thrown) {
      report(name, thrown);
    }
  }

  /**
   * Hands what was thrown to the thread's handler, for work that has more to clean up. An interrupt
   * of the thread stays.
   *
   * @param name of the work, for the log
   */
  public static void report(String name, Throwable thrown) {
    Thread thread = Thread.currentThread();
    thread.getUncaughtExceptionHandler().uncaughtException(thread, new Failure(name, thrown));
  }
}
