package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import javax.net.ssl.SSLContext;

/** A socket to the server, for what no decent HTTP client would send. Texts are ISO-8859-1. */
public final class RawConnection implements AutoCloseable {
  private static final int LONGEST_MILLIS = 20_000;

  private final Socket socket;
  private final InputStream in;
  private final OutputStream out;

  private RawConnection(Socket socket) throws IOException {
    this.socket = socket;
    socket.setSoTimeout(LONGEST_MILLIS);
    socket.setTcpNoDelay(true);
    this.in = new BufferedInputStream(socket.getInputStream());
    this.out = socket.getOutputStream();
  }

  /** A reply; the names of its headers are in lower case. */
  public record Reply(int status, Map<String, String> headers, String body) {
    String header(String name) {
      return headers.getOrDefault(name.toLowerCase(Locale.ROOT), "");
    }
  }

  /** Returns the head of a request. */
  public static String head(String... lines) {
    return String.join("\r\n", lines) + "\r\n\r\n";
  }

  static RawConnection to(CisternServer server) throws IOException {
    return to(server.port());
  }

  /** Connects to a port of loopback. */
  public static RawConnection to(int port) throws IOException {
    return new RawConnection(new Socket(InetAddress.getLoopbackAddress(), port));
  }

  /** Connects to a server that speaks TLS. */
  static RawConnection to(CisternServer server, SSLContext context) throws IOException {
    return to(server.port(), context);
  }

  /** Connects to a port of 127.0.0.1 that speaks TLS. */
  public static RawConnection to(int port, SSLContext context) throws IOException {
    return new RawConnection(context.getSocketFactory().createSocket("127.0.0.1", port));
  }

  RawConnection send(String text) throws IOException {
    return send(text.getBytes(ISO_8859_1));
  }

  public RawConnection send(byte[] bytes) throws IOException {
    out.write(bytes);
    out.flush();
    return this;
  }

  /** Sends what the server may refuse before it has read all of it. */
  RawConnection sendAsFarAsItGoes(String text) throws IOException {
    try {
      return send(text);
    } catch (SocketException e) {
      return this; // it has answered and closed
    }
  }

  /** Reads a reply with a body as long as its Content-Length says. */
  public Reply reply() throws IOException {
    return reply(false);
  }

  /** Reads a reply to HEAD, which has no body whatever its Content-Length says. */
  Reply replyToHead() throws IOException {
    return reply(true);
  }

  private Reply reply(boolean isHead) throws IOException {
    String[] status = line().split(" ", 3);
    var headers = new TreeMap<String, String>();
    for (String line = line(); !line.isEmpty(); line = line()) {
      int colon = line.indexOf(':');
      headers.put(
          line.substring(0, colon).toLowerCase(Locale.ROOT), line.substring(colon + 1).strip());
    }
    int length = isHead ? 0 : Integer.parseInt(headers.getOrDefault("content-length", "0"));
    byte[] body = in.readNBytes(length);
    if (body.length < length) {
      throw new EOFException("the body ends after " + body.length + " of " + length + " bytes");
    }
    return new Reply(Integer.parseInt(status[1]), headers, new String(body, ISO_8859_1));
  }

  /** Reads a head that is of no interest, and the first {@code count} bytes of its body. */
  public byte[] replyUpTo(int count) throws IOException {
    while (!line().isEmpty()) {
      // The next line.
    }
    return bytes(count);
  }

  /** Reads what comes next. */
  byte[] bytes(int count) throws IOException {
    return in.readNBytes(count);
  }

  /** Says that nothing more will be sent. */
  void endOfRequests() throws IOException {
    socket.shutdownOutput();
  }

  /** Waits until the server has closed the connection; returns what it sent before. */
  String readToEnd() throws IOException {
    var text = new StringBuilder();
    try {
      for (int c = in.read(); c >= 0; c = in.read()) {
        text.append((char) c);
      }
    } catch (SocketException e) {
      // Reset instead of closed, because it had not read all that was sent.
    }
    return text.toString();
  }

  /**
   * Reads up to the end of the connection.
   *
   * @throws IOException if it ends with a reset, or, under TLS, without a close_notify
   */
  String toCleanEnd() throws IOException {
    return new String(in.readAllBytes(), ISO_8859_1);
  }

  /** Waits for what comes next; returns whether that is the end, and throws if it is a reset. */
  boolean isAtEnd() throws IOException {
    return in.read() < 0;
  }

  private String line() throws IOException {
    var line = new StringBuilder();
    for (int c = in.read(); c != '\n'; c = in.read()) {
      if (c < 0) {
        throw new EOFException("the connection was closed after: " + line);
      }
      line.append((char) c);
    }
    return line.toString().strip();
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
