package dev.cistern.auth.access;

import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * Bounds the work of checking passwords: so many at once, so many that wait, and no more. It runs
 * on platform threads of its own, since on virtual ones it would keep a carrier from all others;
 * they end when there is nothing to do.
 */
final class PasswordChecks {
  private static final int IDLE_SECONDS = 10;

  private final ThreadPoolExecutor threads;

  /**
   * @param atOnce at least 1
   * @param waiting at least 1
   */
  PasswordChecks(int atOnce, int waiting) {
    threads =
        new ThreadPoolExecutor(
            atOnce,
            atOnce,
            IDLE_SECONDS,
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(waiting),
            Thread.ofPlatform().daemon().name("password-check-", 0).factory());
    threads.allowCoreThreadTimeOut(true);
  }

  /** Returns what the check says, after it; empty if too many wait already. */
  <T> Optional<T> run(Callable<T> check) throws InterruptedException {
    Optional<Future<T>> result = submit(check);
    if (result.isEmpty()) {
      return Optional.empty();
    }
    try {
      return Optional.of(result.get().get());
    } catch (ExecutionException failed) {
      throw new IllegalStateException("a password cannot be checked", failed.getCause());
    }
  }

  /** Returns what the check will say; empty if too many wait already. */
  <T> Optional<Future<T>> submit(Callable<T> check) {
    try {
      return Optional.of(threads.submit(check));
    } catch (RejectedExecutionException full) {
      return Optional.empty();
    }
  }
}
