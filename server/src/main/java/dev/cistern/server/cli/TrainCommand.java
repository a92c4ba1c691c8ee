package dev.cistern.server.cli;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.cistern.oci.Digest;
import dev.cistern.server.Cistern;
import dev.cistern.server.Logs;
import dev.cistern.server.config.Config;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Options;
import org.apache.commons.cli.ParseException;

/**
 * The training run for the JVM's ahead-of-time cache: what a start and the first requests load is
 * loaded, then it ends.
 */
final class TrainCommand implements Command {
  private static final byte[] BLOB = "{}".getBytes(US_ASCII);
  private static final int ROUNDS = 3;

  @Override
  public String name() {
    return "train";
  }

  /** Empty: it is for the build, not for users. */
  @Override
  public String summary() {
    return "";
  }

  @Override
  public Options options() {
    return new Options();
  }

  @Override
  public int run(CommandLine line, PrintWriter out) throws IOException, ParseException {
    Path data = Files.createTempDirectory("cistern-train");
    Config config =
        ConfigOptions.read(
            Main.parse(
                new ServeCommand(), List.of("--listen", "127.0.0.1:0", "--data", data.toString())),
            Map.of());
    Logs.start(config.logFormat());
    try (Cistern cistern = Cistern.start(config)) {
      for (int i = 0; i < ROUNDS; i++) {
        for (String request : requests()) {
          send(cistern.address(), request);
        }
      }
    } finally {
      Logs.stop();
      remove(data);
    }
    return 0;
  }

  private static List<String> requests() {
    Digest digest = Digest.of(BLOB);
    String manifest =
        "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/vnd.oci.empty.v1+json\","
            + "\"digest\":\""
            + digest
            + "\",\"size\":2},\"layers\":[]}";
    return List.of(
        get("/v2/"),
        "POST /v2/train/blobs/uploads/?digest="
            + digest
            + " HTTP/1.1\r\nHost: train\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
        "PUT /v2/train/manifests/latest HTTP/1.1\r\nHost: train\r\nConnection: close\r\n"
            + "Content-Type: application/vnd.oci.image.manifest.v1+json\r\nContent-Length: "
            + manifest.length()
            + "\r\n\r\n"
            + manifest,
        get("/v2/train/manifests/latest"),
        get("/v2/train/blobs/" + digest),
        get("/v2/train/tags/list"),
        get("/v2/train/manifests/none"));
  }

  private static String get(String path) {
    return "GET " + path + " HTTP/1.1\r\nHost: train\r\nConnection: close\r\n\r\n";
  }

  private static void send(InetSocketAddress server, String request) throws IOException {
    try (Socket socket = new Socket(server.getAddress(), server.getPort())) {
      socket.getOutputStream().write(request.getBytes(US_ASCII));
      String reply = new String(socket.getInputStream().readAllBytes(), US_ASCII);
      if (!reply.startsWith("HTTP/1.1 ")) {
        throw new IOException("no reply to " + request);
      }
    }
  }

  private static void remove(Path directory) throws IOException {
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
