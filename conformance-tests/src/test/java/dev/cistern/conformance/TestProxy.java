package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * An HTTP proxy in this process, on a port of loopback, that lets in one user by Basic. Every name
 * is 127.0.0.1 to it. It remembers the first line of each request.
 */
final class TestProxy implements AutoCloseable {
  private final ServerSocket listener;
  private final String login;
  private final Queue<String> asked = new ConcurrentLinkedQueue<>();
  private final Set<Socket> connections = ConcurrentHashMap.newKeySet();
  private volatile int refusal;

  private TestProxy(ServerSocket listener, String login) {
    this.listener = listener;
    this.login = login;
  }

  static TestProxy start(String user, String password) {
    try {
      var listener = new ServerSocket(0, 1024, InetAddress.getLoopbackAddress());
      var proxy = new TestProxy(listener, TokenService.basic(user, password));
      Thread.ofVirtual().start(proxy::accept);
      return proxy;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns {@code 127.0.0.1:PORT}. */
  String host() {
    return "127.0.0.1:" + port();
  }

  int port() {
    return listener.getLocalPort();
  }

  /** Returns the first lines of the requests so far whose user was let in. */
  List<String> asked() {
    return List.copyOf(asked);
  }

  /** Forgets what it was asked, and answers as it should. */
  void forget() {
    asked.clear();
    refusal = 0;
  }

  /** Answers everything with this status of its own. */
  void refuse(int status) {
    refusal = status;
  }

  @Override
  public void close() {
    try {
      listener.close();
      for (Socket connection : connections) {
        connection.close();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void accept() {
    try {
      while (true) {
        Socket client = listener.accept();
        connections.add(client);
        Thread.ofVirtual().start(() -> serve(client));
      }
    } catch (IOException closed) {
      // It was closed.
    }
  }

  private void serve(Socket client) {
    try (client;
        InputStream in = new BufferedInputStream(client.getInputStream())) {
      List<String> head = head(in);
      if (!head.isEmpty() && isLetIn(head, client)) {
        asked.add(head.getFirst());
        forward(head, in, client);
      }
    } catch (IOException gone) {
      // One of the two left.
    } finally {
      connections.remove(client);
    }
  }

  private boolean isLetIn(List<String> head, Socket client) throws IOException {
    boolean isKnown = head.contains("proxy-authorization: " + login);
    int status = isKnown ? refusal : 407;
    if (status == 0) {
      return true;
    }
    String challenge = status == 407 ? "Proxy-Authenticate: Basic realm=\"proxy\"\r\n" : "";
    write(client, "HTTP/1.1 " + status + " Proxy\r\n" + challenge + "Content-Length: 0\r\n\r\n");
    return false;
  }

  private void forward(List<String> first, InputStream in, Socket client) throws IOException {
    String[] parts = first.getFirst().split(" ", -1);
    boolean isTunnel = parts[0].equals("CONNECT");
    int port =
        isTunnel
            ? Integer.parseInt(parts[1].substring(parts[1].lastIndexOf(':') + 1))
            : URI.create(parts[1]).getPort();
    try (Socket upstream = new Socket(InetAddress.getLoopbackAddress(), port)) {
      connections.add(upstream);
      Thread back = Thread.ofVirtual().start(() -> copy(upstream, client));
      if (isTunnel) {
        write(client, "HTTP/1.1 200 Connected\r\n\r\n");
        in.transferTo(upstream.getOutputStream());
      } else {
        write(upstream, inOriginForm(first));
        for (List<String> next = head(in); !next.isEmpty(); next = head(in)) {
          asked.add(next.getFirst());
          write(upstream, inOriginForm(next));
        }
      }
      upstream.shutdownOutput();
      back.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
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

  private static String inOriginForm(List<String> head) {
    String[] parts = head.getFirst().split(" ", -1);
    var text = new StringBuilder(parts[0] + " ");
    text.append(URI.create(parts[1]).getRawPath());
    String query = URI.create(parts[1]).getRawQuery();
    text.append(query == null ? "" : "?" + query).append(" HTTP/1.1\r\n");
    head.stream()
        .skip(1)
        .filter(line -> !line.startsWith("proxy-"))
        .forEach(line -> text.append(line).append("\r\n"));
    return text.append("\r\n").toString();
  }

  private static void write(Socket socket, String text) throws IOException {
    OutputStream out = socket.getOutputStream();
    out.write(text.getBytes(ISO_8859_1));
    out.flush();
  }

  /** Reads a head: its first line, then its headers with their names in lower case. */
  private static List<String> head(InputStream in) throws IOException {
    var lines = new ArrayList<String>();
    var line = new StringBuilder();
    for (int c = in.read(); c >= 0; c = in.read()) {
      if (c != '\n') {
        line.append((char) c);
      } else if (line.toString().isBlank()) {
        return lines;
      } else {
        String text = line.toString().strip();
        int colon = text.indexOf(':');
        lines.add(
            lines.isEmpty()
                ? text
                : text.substring(0, colon).toLowerCase(Locale.ROOT) + text.substring(colon));
        line.setLength(0);
      }
    }
    return List.of();
  }
}
