package dev.cistern.mirror;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.function.Supplier;

/**
 * One run at a time of the same work, whoever wants it: those who come while it runs get its
 * result. The work runs on a thread of its own, so it ends though all who wanted it have left.
 */
final class SingleFlight<K, V> {
  private final ConcurrentHashMap<K, CompletableFuture<V>> flights = new ConcurrentHashMap<>();
  private final Executor executor;

  SingleFlight(Executor executor) {
    this.executor = executor;
  }

  CompletableFuture<V> join(K key, Supplier<V> work) {
    return flights.computeIfAbsent(key, k -> start(k, work));
  }

  private CompletableFuture<V> start(K key, Supplier<V> work) {
    var flight = new CompletableFuture<V>();
    executor.execute(() -> {
      try {
        V result = work.get();
        flights.remove(key, flight);
        flight.complete(result);
      } catch (RuntimeException | Error e) {
        flights.remove(key, flight);
        flight.completeExceptionally(e);
      }
    });
    return flight;
  }

  /**
   * Waits for what {@link #join} gave.
   *
   * @throws IOException what the work failed with, or that the server is stopping
   */
  static <T> T await(CompletableFuture<T> flight) throws IOException {
    try {
      return flight.get();
    } catch (ExecutionException | InterruptedException e) {
      throw failed(e);
    }
  }

  /** Returns what to throw when a wait for a flight throws {@code e}. */
  static IOException failed(Exception e) {
    if (e instanceof InterruptedException) {
      Thread.currentThread().interrupt();
      return new IOException("the server is stopping", e);
    }
    Throwable cause = e.getCause();
    return cause instanceof UncheckedIOException io && io.getCause() != null
        ? io.getCause()
        : new IOException(String.valueOf(cause), e);
  }
}
