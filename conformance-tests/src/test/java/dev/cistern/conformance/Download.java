package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import javax.net.SocketFactory;

/**
 * A GET that is read from the socket, so that a cut is told from an end, and in steps: the request
 * is sent by {@link #begin}, the head is read when it is first asked for, and then the body.
 */
final class Download implements AutoCloseable {
  private static final int IDLE_MILLIS = 60_000;
  private static final int SHOWN = 4096;

  private final Socket socket;
  private final InputStream in;
  private final Map<String, String> headers = new HashMap<>();
  private int status;
  private long left;
  private long read;
  private boolean isChunked;
  private boolean isEnded;

  private Download(Socket socket, InputStream in) {
    this.socket = socket;
    this.in = in;
  }

  /**
   * What came of it.
   *
   * @param isComplete whether the body came to the end that HTTP promised
   * @param isExact whether it was 200 with the expected body, to the last byte
   * @param text the beginning of the body
   */
  record Outcome(int status, boolean isComplete, boolean isExact, long bytes, String text) {}

  /** Connects, sends the request with more {@code headers}, and waits for nothing. */
  static Download begin(CisternServer server, String path, String... headers) {
    return begin(server.port(), path, headers);
  }

  /** The same from any server on loopback. */
  static Download begin(int port, String path, String... headers) {
    return begin(SocketFactory.getDefault(), port, path, headers);
  }

  /** The same over connections of a factory, such as those of TLS. */
  static Download begin(SocketFactory sockets, int port, String path, String... headers) {
    try {
      Socket socket = sockets.createSocket(InetAddress.getLoopbackAddress(), port);
      socket.setSoTimeout(IDLE_MILLIS);
      String more = headers.length == 0 ? "" : String.join("\r\n", headers) + "\r\n";
      String request =
          "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1:" + port + "\r\n" + more + "\r\n";
      socket.getOutputStream().write(request.getBytes(ISO_8859_1));
      return new Download(socket, new BufferedInputStream(socket.getInputStream()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Does all of it. */
  static Outcome of(CisternServer server, String path, byte[] expected) {
    return of(server.port(), path, expected);
  }

  /** The same from any server on loopback. */
  static Outcome of(int port, String path, byte[] expected) {
    try (Download download = begin(port, path)) {
      return download.finish(expected);
    }
  }

  int status() {
    try {
      readHead();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return status;
  }

  /** Returns a header of the answer. */
  Optional<String> header(String name) {
    return status() == 0
        ? Optional.empty()
        : Optional.ofNullable(headers.get(name.toLowerCase(Locale.ROOT)));
  }

  /** Waits for the first {@code count} bytes of the body, before the rest is read. */
  byte[] first(int count) {
    try {
      readHead();
      byte[] first = new byte[count];
      for (int at = 0; at < count; ) {
        int n = read(first, at);
        if (n < 0) {
          throw new EOFException("the body has only " + at + " bytes");
        }
        at += n;
      }
      read = count;
      return first;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Hashes the next {@code most} bytes of the body, fewer if it ends or is cut before; returns how
   * many there were.
   */
  long hash(MessageDigest hash, long most) {
    byte[] buffer = new byte[256 << 10];
    long count = 0;
    try {
      readHead();
      while (count < most) {
        int wanted = (int) Math.min(buffer.length, most - count);
        int n = read(buffer, buffer.length - wanted);
        if (n < 0) {
          break;
        }
        hash.update(buffer, buffer.length - wanted, n);
        count += n;
      }
    } catch (EOFException | SocketException cut) {
      // What came before counts.
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return count;
  }

  /** Reads the rest of the body, all of which should be {@code expected}. */
  Outcome finish(byte[] expected) {
    byte[] buffer = new byte[Math.clamp(expected.length, SHOWN, 256 << 10)];
    var text = new StringBuilder();
    long at = read;
    boolean isExact = true;
    boolean isComplete = true;
    try {
      readHead();
      for (int n = read(buffer, 0); n >= 0; n = read(buffer, 0)) {
        isExact &=
            at + n <= expected.length
                && Arrays.equals(buffer, 0, n, expected, (int) at, (int) at + n);
        at += n;
        if (text.length() < SHOWN) {
          text.append(new String(buffer, 0, Math.min(n, SHOWN), UTF_8));
        }
      }
    } catch (EOFException | SocketException cut) {
      isComplete = false;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    isExact &= isComplete && status == 200 && at == expected.length;
    return new Outcome(status, isComplete, isExact, at, text.toString());
  }

  /**
   * Sends another request on the same connection, whose answer should be all that comes now;
   * returns its status.
   */
  int again(String path) {
    try {
      String request = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
      socket.getOutputStream().write(request.getBytes(ISO_8859_1));
      return Integer.parseInt(line().split(" ", 3)[1]);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Leaves, whether there is more or not. */
  @Override
  public void close() {
    try {
      socket.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void readHead() throws IOException {
    if (status != 0) {
      return;
    }
    status = Integer.parseInt(line().split(" ", 3)[1]);
    for (String header = line(); !header.isEmpty(); header = line()) {
      int colon = header.indexOf(':');
      headers.put(
          header.substring(0, colon).toLowerCase(Locale.ROOT), header.substring(colon + 1).strip());
    }
    isChunked = headers.containsKey("transfer-encoding");
    left = isChunked ? 0 : Long.parseLong(headers.getOrDefault("content-length", "0"));
  }

  /** Reads what has come into {@code buffer} from {@code at} on; returns -1 at the end. */
  private int read(byte[] buffer, int at) throws IOException {
    if (isChunked && left == 0 && !isEnded) {
      left = Long.parseLong(line(), 16);
      isEnded = left == 0;
    }
    if (left == 0) {
      return -1;
    }
    int n = in.read(buffer, at, (int) Math.min(buffer.length - at, left));
    if (n < 0) {
      throw new EOFException();
    }
    left -= n;
    if (isChunked && left == 0) {
      line();
    }
    return n;
  }

  private String line() throws IOException {
    var line = new StringBuilder();
    for (int c = in.read(); c != '\n'; c = in.read()) {
      if (c < 0) {
        throw new EOFException();
      }
      line.append((char) c);
    }
    return line.toString().strip();
  }
}
