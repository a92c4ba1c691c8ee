package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.stream.Collectors.joining;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An upstream registry in this process that has more than fits into memory: each byte of a layer is
 * made from a seed and its position when it is asked for.
 */
final class GeneratedUpstream implements AutoCloseable {
  private static final int PIECE = 64 << 10;
  private static final long STEP = 0x9E3779B97F4A7C15L;
  private static final String LAYER = "application/vnd.oci.image.layer.v1.tar";
  private static final Pattern RANGE = Pattern.compile("bytes=(\\d+)-(\\d*)");

  private final Map<String, Layer> layers = new ConcurrentHashMap<>();
  private final Map<String, Sample> manifests = new ConcurrentHashMap<>();
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final HttpServer server;

  private GeneratedUpstream(HttpServer server) {
    this.server = server;
  }

  /** A layer that is written down nowhere. */
  record Layer(long seed, long size, String digest) {
    static Layer of(long seed, long size) {
      MessageDigest hash = sha256();
      byte[] piece = new byte[PIECE];
      for (long at = 0; at < size; at += PIECE) {
        generate(seed, at, piece);
        hash.update(piece, 0, (int) Math.min(PIECE, size - at));
      }
      return new Layer(seed, size, "sha256:" + HexFormat.of().formatHex(hash.digest()));
    }
  }

  /** An image of a repository of this upstream. */
  record Image(String repository, String tag, Sample manifest, List<Layer> layers) {
    long bytes() {
      return layers.stream().mapToLong(Layer::size).sum();
    }
  }

  static GeneratedUpstream start() {
    try {
      var upstream =
          new GeneratedUpstream(
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

  /** Has an image of these layers, the first of which is its config. */
  Image add(String repository, String tag, List<Layer> content) {
    content.forEach(layer -> layers.put(repository + "/blobs/" + layer.digest(), layer));
    List<String> descriptors =
        content.stream()
            .map(layer -> ManifestText.descriptor(LAYER, layer.digest(), layer.size()))
            .toList();
    String text =
        "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":%s,\"layers\":[%s],\"annotations\":{\"tag\":\"%s\"}}"
            .formatted(
                Images.IMAGE,
                descriptors.getFirst(),
                descriptors.stream().skip(1).collect(joining(",")),
                tag);
    Sample manifest = Sample.of(text.getBytes(UTF_8));
    manifests.put(repository + "/manifests/" + tag, manifest);
    manifests.put(repository + "/manifests/" + manifest.digest(), manifest);
    return new Image(repository, tag, manifest, content);
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }

  private void answer(HttpExchange exchange) throws IOException {
    try (exchange) {
      String key = exchange.getRequestURI().getPath().substring("/v2/".length());
      Sample manifest = manifests.get(key);
      Layer layer = layers.get(key);
      boolean isHead = exchange.getRequestMethod().equals("HEAD");
      if (manifest != null) {
        exchange.getResponseHeaders().set("Content-Type", Images.IMAGE);
        exchange.getResponseHeaders().set("Docker-Content-Digest", manifest.digest());
        head(exchange, 200, manifest.size(), isHead);
        if (!isHead) {
          exchange.getResponseBody().write(manifest.bytes());
        }
      } else if (layer != null) {
        send(exchange, layer, isHead);
      } else {
        exchange.sendResponseHeaders(404, -1);
      }
    }
  }

  private static void send(HttpExchange exchange, Layer layer, boolean isHead) throws IOException {
    String range = exchange.getRequestHeaders().getFirst("Range");
    Matcher matcher = RANGE.matcher(range == null ? "" : range);
    boolean isPart = matcher.matches();
    long from = isPart ? Long.parseLong(matcher.group(1)) : 0;
    long end =
        isPart && !matcher.group(2).isEmpty()
            ? Math.min(layer.size(), Long.parseLong(matcher.group(2)) + 1)
            : layer.size();
    if (isPart) {
      exchange
          .getResponseHeaders()
          .set("Content-Range", "bytes " + from + "-" + (end - 1) + "/" + layer.size());
    }
    head(exchange, isPart ? 206 : 200, end - from, isHead);
    if (isHead) {
      return;
    }
    OutputStream body = exchange.getResponseBody();
    byte[] piece = new byte[PIECE];
    for (long at = from; at < end; ) {
      long begin = at - at % PIECE;
      generate(layer.seed(), begin, piece);
      int count = (int) Math.min(begin + PIECE - at, end - at);
      body.write(piece, (int) (at - begin), count);
      at += count;
    }
  }

  private static void head(HttpExchange exchange, int status, long length, boolean isHead)
      throws IOException {
    if (isHead) {
      exchange.getResponseHeaders().set("Content-Length", Long.toString(length));
    }
    exchange.sendResponseHeaders(status, isHead || length == 0 ? -1 : length);
  }

  /** Fills {@code piece} with the bytes from a position on that is a multiple of eight. */
  private static void generate(long seed, long from, byte[] piece) {
    ByteBuffer buffer = ByteBuffer.wrap(piece);
    long state = seed + (from >>> 3) * STEP;
    while (buffer.hasRemaining()) {
      state += STEP;
      long mixed = (state ^ (state >>> 30)) * 0xBF58476D1CE4E5B9L;
      buffer.putLong(mixed ^ (mixed >>> 27));
    }
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-256", e);
    }
  }
}
