package dev.cistern.server;

import dev.cistern.mirror.Mirror;
import dev.cistern.server.admin.DrainState;
import dev.cistern.server.admin.Uncaught;
import dev.cistern.server.http.HttpServer;
import dev.cistern.server.http.InFlight;
import dev.cistern.server.registry.Registry;
import dev.cistern.storage.Store;
import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import java.util.List;

/**
 * The parts of a running server. {@link #close} closes them in the order of their dependencies.
 *
 * @param work the server's own activities: scheduled imports, prefetches and prunes, and the
 *     follower of streams that triggers them
 * @param senders the senders of notifications, which work until the end
 */
record Shutdown(
    Store store,
    Mirror mirror,
    LiveRules rules,
    Registry registry,
    DrainState state,
    List<? extends Closeable> work,
    List<? extends Closeable> senders,
    HttpServer http,
    Uncaught uncaught,
    ServiceManager manager)
    implements ServerDrain.Server {
  private static final int GRACE_SECONDS = 2;

  Shutdown {
    work = List.copyOf(work);
    senders = List.copyOf(senders);
  }

  @Override
  public InFlight inFlight() throws InterruptedException {
    return http.inFlight();
  }

  @Override
  public int fills() {
    return mirror.fillsRunning();
  }

  @Override
  public void announce() throws IOException {
    http.beginDrain();
    state.begin();
    mirror.drain();
    closeAll(work);
    store.objects().feed().end();
  }

  private static void closeAll(List<? extends Closeable> parts) throws IOException {
    for (Closeable part : parts) {
      part.close();
    }
  }

  @Override
  public void serve(Duration time) throws InterruptedException {
    Thread.sleep(time);
  }

  @Override
  public void closeListeners() {
    http.closeListeners();
  }

  @Override
  public boolean awaitConnections(Duration atMost) throws InterruptedException {
    return http.awaitConnections(atMost);
  }

  @Override
  public boolean awaitFills(Duration atMost) throws InterruptedException {
    return mirror.awaitFills(atMost);
  }

  @Override
  public int stopFills(boolean all) throws InterruptedException {
    return mirror.stopFills(all);
  }

  @Override
  public void tell(String status, Duration left) {
    manager.stopping(status, left);
  }

  @Override
  public long drained() {
    return http.drained();
  }

  @Override
  public void close() throws IOException {
    manager.close();
    rules.close();
    closeAll(work);
    closeAll(senders);
    http.stop(GRACE_SECONDS);
    registry.close();
    mirror.close();
    uncaught.stop();
    store.close();
  }
}
