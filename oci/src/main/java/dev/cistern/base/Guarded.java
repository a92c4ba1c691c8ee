package dev.cistern.base;

/**
 * The entry point of work on a thread whose owner would swallow its exceptions, or end because of
 * them. Examples are tasks of event loops, listeners of futures, and steps of a loop that must not
 * end.
 *
 * <p>Every exception and error goes to the thread's uncaught exception handler, as if it had ended
 * the thread. It is therefore logged and counted in one place. The work ends, but the thread does
 * not.
 */
public final class Guarded {
  private Guarded() {}

  /** An unexpected failure, with the name of the work that it ended. */
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
   * @param name the name of the work, for the log
   */
  public static Runnable of(String name, Runnable work) {
    return () -> run(name, work);
  }

  /**
   * Runs the work; throws nothing.
   *
   * @param name the name of the work, for the log
   */
  public static void run(String name, Runnable work) {
    try {
      work.run();
    } catch (Throwable thrown) {
      report(name, thrown);
    }
  }

  /**
   * Passes an exception or error to the thread's handler, for work that has more to clean up. The
   * thread's interrupt status is not changed.
   *
   * @param name the name of the work, for the log
   */
  public static void report(String name, Throwable thrown) {
    Thread thread = Thread.currentThread();
    thread.getUncaughtExceptionHandler().uncaughtException(thread, new Failure(name, thrown));
  }
}
