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
 * Executor for password checks, with a maximum number of concurrent and of waiting checks. It uses
 * platform threads of its own, because a check on a virtual thread would block its carrier. The
 * threads end after 10 s without work.
 */
final class PasswordChecks {
  private static final int IDLE_SECONDS = 10;

  private final ThreadPoolExecutor threads;

  /**
   * @param atOnce the maximum number of concurrent checks, at least 1
   * @param waiting the maximum number of waiting checks, at least 1
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

  /** Runs a check and returns its result; empty if too many checks already wait. Blocks. */
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

  /** Returns the future result of a check; empty if too many checks already wait. */
  <T> Optional<Future<T>> submit(Callable<T> check) {
    try {
      return Optional.of(threads.submit(check));
    } catch (RejectedExecutionException full) {
      return Optional.empty();
    }
  }
}
