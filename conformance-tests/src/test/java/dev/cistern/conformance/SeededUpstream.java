package dev.cistern.conformance;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** An upstream registry in this process, as small as can be: blobs with Range, and manifests. */
final class SeededUpstream implements AutoCloseable {
  private static final int PIECE = 16 << 10;
  private static final Pattern RANGE = Pattern.compile("bytes=(\\d+)-");

  private final Map<String, Sample> blobs = new ConcurrentHashMap<>();
  private final Map<String, Sample> manifests = new ConcurrentHashMap<>();
  private final List<BlobGet> gets = new CopyOnWriteArrayList<>();
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final HttpServer server;
  private final AtomicLong left = new AtomicLong(Long.MAX_VALUE);
  private volatile boolean isLimited;
  private volatile Fuse fuse = Fuse.endless();

  private SeededUpstream(HttpServer server) {
    this.server = server;
  }

  /** A GET of a blob, from a position on. */
  record BlobGet(String digest, long from) {}

  static SeededUpstream start() {
    try {
      var upstream =
          new SeededUpstream(
              HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0));
      upstream.server.createContext("/v2/", upstream::answer);
      upstream.server.setExecutor(upstream.threads);
      upstream.server.start();
      return upstream;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns where it listens. */
  String url() {
    return "http://127.0.0.1:" + server.getAddress().getPort();
  }

  /** Lets what is sent from now on burn {@code now}. */
  void burn(Fuse now) {
    isLimited = false;
    fuse = now;
  }

  /** Sends {@code most} bytes from now on, and then waits until {@code now} tells of the kill. */
  void limit(Fuse now, long most) {
    left.set(most);
    fuse = now;
    isLimited = true;
  }

  /** Has an image of these layers under {@code tag} and its digest; returns the manifest. */
  Sample add(String tag, List<Sample> layers) {
    layers.forEach(layer -> blobs.put(layer.digest(), layer));
    Sample manifest = Images.image(layers.getFirst(), layers, tag);
    manifests.put(manifest.digest(), manifest);
    manifests.put(tag, manifest);
    return manifest;
  }

  /** Returns the requests for blobs since the last call. */
  List<BlobGet> takeGets() {
    List<BlobGet> taken = List.copyOf(gets);
    gets.clear();
    return taken;
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }

  private void answer(HttpExchange exchange) throws IOException {
    try (exchange) {
      String path = exchange.getRequestURI().getPath();
      String name = path.substring(path.lastIndexOf('/') + 1);
      boolean isBlob = path.contains("/blobs/");
      Sample found = (isBlob ? blobs : manifests).get(name);
      if (found == null) {
        exchange.sendResponseHeaders(404, -1);
        return;
      }
      exchange
          .getResponseHeaders()
          .set("Content-Type", isBlob ? "application/octet-stream" : Images.IMAGE);
      exchange.getResponseHeaders().set("Docker-Content-Digest", found.digest());
      if (exchange.getRequestMethod().equals("HEAD")) {
        exchange.getResponseHeaders().set("Content-Length", Integer.toString(found.size()));
        exchange.sendResponseHeaders(200, -1);
      } else {
        send(exchange, found, isBlob);
      }
    }
  }

  private void send(HttpExchange exchange, Sample found, boolean isBlob) throws IOException {
    String range = exchange.getRequestHeaders().getFirst("Range");
    Matcher matcher = RANGE.matcher(range == null ? "" : range);
    int from = matcher.matches() ? Integer.parseInt(matcher.group(1)) : 0;
    if (isBlob) {
      gets.add(new BlobGet(found.digest(), from));
    }
    if (from > 0) {
      exchange
          .getResponseHeaders()
          .set("Content-Range", "bytes " + from + "-" + (found.size() - 1) + "/" + found.size());
    }
    exchange.sendResponseHeaders(
        from > 0 ? 206 : 200, found.size() == from ? -1 : found.size() - from);
    OutputStream body = exchange.getResponseBody();
    for (int at = from; at < found.size(); at += PIECE) {
      int count = Math.min(PIECE, found.size() - at);
      body.write(found.bytes(), at, count);
      body.flush();
      if (isLimited && left.addAndGet(-count) <= 0) {
        fuse.awaitKill();
      } else if (!isLimited) {
        fuse.burn(count);
      }
    }
  }
}
