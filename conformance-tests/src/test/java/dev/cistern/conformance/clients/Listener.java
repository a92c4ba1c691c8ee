package dev.cistern.conformance.clients;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.concurrent.atomic.AtomicInteger;

/** A host on loopback that serves nobody: it counts who connects, and hangs up. */
final class Listener implements AutoCloseable {
  private final ServerSocket socket;
  private final AtomicInteger connections = new AtomicInteger();

  private Listener(ServerSocket socket) {
    this.socket = socket;
  }

  static Listener start() {
    try {
      var listener = new Listener(new ServerSocket(0, 50, InetAddress.getLoopbackAddress()));
      Thread.ofVirtual().start(listener::accept);
      return listener;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns {@code 127.0.0.1:PORT} of a port that nobody uses now. */
  static String freeHost() {
    try (Listener listener = start()) {
      return listener.host();
    }
  }

  /** Returns {@code 127.0.0.1:PORT}. */
  String host() {
    return "127.0.0.1:" + socket.getLocalPort();
  }

  /**
   * Returns how many connections were made so far. Those of a program that has seen its connection
   * end are among them.
   */
  int connections() {
    return connections.get();
  }

  private void accept() {
    try {
      while (true) {
        try (Socket connection = socket.accept()) {
          connections.incrementAndGet();
        }
      }
    } catch (IOException closed) {
      // It was closed.
    }
  }

  @Override
  public void close() {
    try {
      socket.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
