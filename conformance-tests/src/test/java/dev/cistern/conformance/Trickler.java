package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * A port of loopback that leads to another one; or that sends some bytes to each connection, and
 * then byte by byte more, for as long as it lives. One virtual thread a direction.
 */
final class Trickler implements AutoCloseable {
  private static final int PACE_MILLIS = 50;

  private final ServerSocket listener;
  private final int target;
  private final CountDownLatch end = new CountDownLatch(1);
  private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
  private final AtomicInteger trickling = new AtomicInteger();
  private volatile @Nullable String begin;

  private Trickler(ServerSocket listener, int target) {
    this.listener = listener;
    this.target = target;
  }

  /** Starts one that leads to a port of loopback. */
  static Trickler to(int target) {
    try {
      var trickler =
          new Trickler(new ServerSocket(0, 100, InetAddress.getLoopbackAddress()), target);
      Thread.ofVirtual().start(trickler::accept);
      return trickler;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  int port() {
    return listener.getLocalPort();
  }

  /**
   * Cuts the connections that there are; has those that come from now on get these bytes and then a
   * trickle of more.
   */
  void trickle(String first) {
    begin = first;
    cut();
  }

  /** Has the connections that come from now on lead to the target; those that trickle continue. */
  void heal() {
    begin = null;
  }

  /** Returns how many connections trickle. */
  int trickling() {
    return trickling.get();
  }

  @Override
  public void close() {
    end.countDown();
    try {
      listener.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    cut();
  }

  private void cut() {
    try {
      for (Socket socket : sockets) {
        socket.close();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void accept() {
    try {
      while (true) {
        Socket client = listener.accept();
        sockets.add(client);
        String first = begin;
        Thread.ofVirtual().start(() -> serve(client, first));
      }
    } catch (IOException closed) {
      // It is over.
    }
  }

  private void serve(Socket client, @Nullable String first) {
    try (client) {
      if (first == null) {
        lead(client);
      } else {
        trickle(client, first);
      }
    } catch (IOException | InterruptedException gone) {
      // One of the two left.
    }
  }

  private void trickle(Socket client, String first) throws IOException, InterruptedException {
    trickling.incrementAndGet();
    try {
      client.setTcpNoDelay(true);
      client.getOutputStream().write(first.getBytes(ISO_8859_1));
      while (!end.await(PACE_MILLIS, TimeUnit.MILLISECONDS)) {
        client.getOutputStream().write('a');
      }
    } finally {
      trickling.decrementAndGet();
    }
  }

  private void lead(Socket client) throws IOException, InterruptedException {
    try (var server = new Socket(InetAddress.getLoopbackAddress(), target)) {
      sockets.add(server);
      Thread back = Thread.ofVirtual().start(() -> copy(server, client));
      client.getInputStream().transferTo(server.getOutputStream());
      server.shutdownOutput();
      back.join();
    }
  }

  private static void copy(Socket from, Socket to) {
    try {
      from.getInputStream().transferTo(to.getOutputStream());
      to.shutdownOutput();
    } catch (IOException gone) {
      // One of the two left.
    }
  }
}
