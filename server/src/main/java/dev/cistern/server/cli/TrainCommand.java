package dev.cistern.server.cli;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.cistern.oci.Digest;
import dev.cistern.server.Cistern;
import dev.cistern.server.Logs;
import dev.cistern.server.config.Config;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Options;
import org.apache.commons.cli.ParseException;

/**
 * The training run for the JVM's ahead-of-time cache. It loads the classes for a start and for
 * common requests, and runs hot code until the JVM identifies it as hot. One server is the upstream
 * of the other.
 */
final class TrainCommand implements Command {
  private static final String REPOSITORY = "/v2/train/image";
  private static final byte[] LAYER = new byte[1 << 20];
  private static final byte[] SMALL = new byte[1 << 12];
  private static final int ROUNDS = 200;
  private static final int HOT_ROUNDS = 6_000;

  @Override
  public String name() {
    return "train";
  }

  /**
   * Returns an empty text, which hides this command from the help, because only the build uses it.
   */
  @Override
  public String summary() {
    return "";
  }

  @Override
  public Options options() {
    return new Options();
  }

  @Override
  public int run(CommandLine line, PrintWriter out, PrintWriter err)
      throws IOException, ParseException {
    Path data = Files.createTempDirectory("cistern-train");
    Config origin = config("--data", data.resolve("origin").toString());
    Logs.start(origin.logFormat());
    try (Cistern upstream = Cistern.start(origin)) {
      String url = "http://127.0.0.1:" + upstream.address().getPort();
      Config mirror =
          config(
              "--data",
              data.resolve("mirror").toString(),
              "--upstream",
              "origin=" + url,
              "--default-upstream",
              "origin");
      try (Cistern server = Cistern.start(mirror)) {
        for (int i = 0; i < ROUNDS; i++) {
          train(upstream.address(), server.address(), i);
        }
        heat(server.address());
      }
    } finally {
      Logs.stop();
      remove(data);
    }
    return 0;
  }

  private static Config config(String... options) throws ParseException {
    List<String> arguments = new ArrayList<>(List.of("--listen", "127.0.0.1:0"));
    arguments.addAll(List.of(options));
    return ConfigOptions.read(
        Main.parse(new ServeCommand(), arguments), Map.of("CISTERN_ACCESS_LOG", "off"));
  }

  /** Pushes an image, pulls it through the mirror, and requests a missing tag. */
  private static void train(InetSocketAddress upstream, InetSocketAddress mirror, int round)
      throws IOException {
    LAYER[0] = (byte) round;
    SMALL[0] = (byte) round;
    byte[] manifest = manifest();
    try (var client = new Client(upstream)) {
      client.ask("GET", "/v2/", "");
      for (byte[] blob : List.of(LAYER, SMALL)) {
        client.ask("HEAD", REPOSITORY + "/blobs/" + Digest.of(blob), "");
        String target = REPOSITORY + "/blobs/uploads/?digest=" + Digest.of(blob);
        client.ask("POST", target, "", blob);
      }
      String type = "Content-Type: application/vnd.oci.image.manifest.v1+json\r\n";
      client.ask("PUT", REPOSITORY + "/manifests/v" + round, type, manifest);
      client.ask("PUT", REPOSITORY + "/manifests/latest", type, manifest);
      client.ask("GET", REPOSITORY + "/tags/list", "");
    }
    try (var client = new Client(mirror)) {
      client.ask("GET", REPOSITORY + "/manifests/v" + round, "");
      client.ask("GET", REPOSITORY + "/manifests/" + Digest.of(manifest), "");
      client.ask("GET", REPOSITORY + "/blobs/" + Digest.of(LAYER), "");
      client.ask("GET", REPOSITORY + "/blobs/" + Digest.of(SMALL), "");
      client.ask("GET", REPOSITORY + "/manifests/none", "");
    }
  }

  /** Requests content that is in memory, many times. */
  private static void heat(InetSocketAddress server) throws IOException {
    try (var client = new Client(server)) {
      String layer = REPOSITORY + "/blobs/" + Digest.of(LAYER);
      String small = REPOSITORY + "/blobs/" + Digest.of(SMALL);
      String manifest = REPOSITORY + "/manifests/" + Digest.of(manifest());
      for (int i = 0; i < HOT_ROUNDS; i++) {
        client.ask("GET", REPOSITORY + "/manifests/v1", "");
        client.ask("HEAD", manifest, "");
        client.ask("GET", small, "");
        client.ask("GET", layer, "Range: bytes=1000-2000\r\n");
      }
    }
  }

  private static byte[] manifest() {
    return ("{\"schemaVersion\":2,\"config\":"
            + descriptor(SMALL)
            + ",\"layers\":["
            + descriptor(LAYER)
            + "]}")
        .getBytes(US_ASCII);
  }

  private static String descriptor(byte[] content) {
    return "{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\""
        + Digest.of(content)
        + "\",\"size\":"
        + content.length
        + "}";
  }

  private static void remove(Path directory) throws IOException {
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  /** A connection that sends requests and discards the responses. */
  private static final class Client implements AutoCloseable {
    private final Socket socket;
    private final DataInputStream in;

    Client(InetSocketAddress server) throws IOException {
      this.socket = new Socket(server.getAddress(), server.getPort());
      this.in = new DataInputStream(new BufferedInputStream(socket.getInputStream()));
    }

    void ask(String method, String target, String headers, byte... body) throws IOException {
      String head =
          method
              + " "
              + target
              + " HTTP/1.1\r\nHost: train\r\n"
              + headers
              + (body.length > 0 ? "Content-Length: " + body.length + "\r\n" : "")
              + "\r\n";
      socket.getOutputStream().write(head.getBytes(US_ASCII));
      socket.getOutputStream().write(body);
      long length = readHead();
      if (!method.equals("HEAD")) {
        in.skipNBytes(length);
      }
    }

    private long readHead() throws IOException {
      long length = 0;
      while (true) {
        String line = readLine();
        if (line.isEmpty()) {
          return length;
        }
        if (line.regionMatches(true, 0, "content-length:", 0, 15)) {
          length = Long.parseLong(line.substring(15).strip());
        }
      }
    }

    private String readLine() throws IOException {
      var line = new StringBuilder();
      for (int c = in.read(); c != '\n'; c = in.read()) {
        if (c < 0) {
          throw new EOFException("the server closed the connection");
        }
        line.append((char) c);
      }
      return line.toString().stripTrailing();
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }
}
