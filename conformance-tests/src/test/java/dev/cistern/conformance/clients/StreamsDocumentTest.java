package dev.cistern.conformance.clients;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.cistern.conformance.CisternServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What docs/image-streams.md tells people to run, run as it stands there and in that order: only
 * the addresses are others, and behind quay.io is a registry of this machine.
 */
class StreamsDocumentTest {
  private static final Pattern BLOCK = Pattern.compile("(?ms)^```(\\w+)\\n(.*?)^```$");
  private static final String STREAM = "imagestream.image.openshift.io/";

  private final Queue<Map<String, String>> told = new ConcurrentLinkedQueue<>();

  private Path directory;
  private DebianRegistry upstream;
  private HttpServer hook;
  private CisternServer server;

  @BeforeEach
  void start(@TempDir Path temporary) throws IOException {
    Clients.need("docker-registry", "skopeo", "openssl", "sh");
    directory = temporary;
    SampleImage image = SampleImage.write(directory.resolve("layout"));
    upstream = DebianRegistry.start(directory.resolve("upstream"));
    for (String tag : List.of("v1", "v2", "latest")) {
      new Skopeo(directory)
          .copyAll(image.reference(), "docker://" + upstream.host() + "/team/app:" + tag);
    }
    hook = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    hook.createContext("/", this::take);
    hook.start();
    for (String line : commands().filter(line -> line.contains("> webhook.key")).toList()) {
      assertThat(shell(line).run()).isEmpty();
    }
    List<String> yaml = blocks("yaml").toList();
    Path config = Files.writeString(directory.resolve("cistern.yaml"), placed(yaml.get(0)));
    Files.writeString(directory.resolve("team.yaml"), yaml.get(1));
    Files.writeString(directory.resolve("app.yaml"), yaml.get(2));
    server = CisternServer.start(directory.resolve("data"), "--config", config.toString());
  }

  @AfterEach
  void stop() {
    for (@Nullable AutoCloseable one : new AutoCloseable[] {server, upstream}) {
      if (one != null) {
        assertThat(one).satisfies(AutoCloseable::close);
      }
    }
    if (hook != null) {
      hook.stop(0);
    }
  }

  private void take(HttpExchange exchange) throws IOException {
    try (exchange) {
      var headers = exchange.getRequestHeaders();
      told.add(
          Map.of(
              "ID", headers.getFirst("webhook-id"),
              "TIMESTAMP", headers.getFirst("webhook-timestamp"),
              "SIGNATURE", headers.getFirst("webhook-signature"),
              "BODY", new String(exchange.getRequestBody().readAllBytes(), UTF_8)));
      exchange.sendResponseHeaders(204, -1);
    }
  }

  @Test
  void everyCommandDoesWhatIsSaid() throws IOException, InterruptedException {
    for (String line : commands().filter(line -> !line.contains("> webhook.key")).toList()) {
      if (line.endsWith(" -w")) {
        assertThat(firstLine(line)).as(line).startsWith("NAME ");
      } else if (line.contains("openssl dgst")) {
        await().untilAsserted(() -> assertThat(told).isNotEmpty());
        Map<String, String> notice = told.element();
        assertThat("v1," + shell(line).with(notice).run()).isEqualTo(notice.get("SIGNATURE"));
      } else {
        Command command = line.startsWith("./cistern ") ? cistern(line) : skopeo(line);
        Command.Ended ended = command.succeed();
        assertThat(ended.text() + ended.errors()).as(line).contains(expected(line));
      }
    }
    assertThat(directory.resolve("kubeconfig")).content().contains("server: http://");
    assertThat(cistern("./cistern describe is/app -n team").run())
        .contains("production\n  tagged from app@sha256:")
        .doesNotContain("elsewhere");
  }

  /** Returns the parts of what a command says. */
  private static List<String> expected(String line) {
    List<String> words = List.of(line.split(" ", -1));
    return switch (words.get(1)) {
      case "kubeconfig" -> List.of("no user is written: oc and kubectl send credentials only over");
      case "apply" ->
          List.of(words.get(3).equals("team.yaml") ? "namespace/team created" : STREAM + "app");
      case "import-image" -> List.of(STREAM + words.get(2).replaceFirst(":.*", "") + " imported\n");
      case "tag" ->
          List.of(
              words.contains("-d")
                  ? "Deleted tag team/app:elsewhere."
                  : "Tag "
                      + words.get(3).replaceFirst(".*/", "")
                      + " set"
                      + (line.contains("--alias") ? " up to" : " to"));
      case "describe" -> List.of("Name:", "pushed", "v1\n  no spec tag");
      case "get" ->
          words.contains("istag")
              ? List.of("app:production ", "app:current ", "app:edge ", "whole:latest ")
              : List.of("\"completeness\":", "\"bytesHere\":");
      case "prune" ->
          List.of(words.contains("--confirm") ? "Summary: " : "Dry run enabled - no", "Summary: ");
      case "inspect" -> List.of("\"v2\"", "\"linux\"");
      default -> List.of(""); // it has only to succeed
    };
  }

  private Command cistern(String line) {
    String[] words = line.split(" ", -1);
    for (int i = 0; i < words.length; i++) {
      boolean isFile = words[i].endsWith(".yaml") || (i > 1 && words[i].equals("kubeconfig"));
      words[i] = isFile ? directory.resolve(words[i]).toString() : words[i];
    }
    return Command.cistern(List.of(words).subList(1, words.length).toArray(String[]::new))
        .and("--server", "http://" + server.host())
        .with("HOME", directory.toString());
  }

  private Command skopeo(String line) {
    String[] words = placed(line).split(" ", -1);
    return new Skopeo(directory)
        .skopeo(List.of(words).subList(1, words.length).toArray(String[]::new));
  }

  private Command shell(String line) {
    return Command.of("sh", "-c", "cd " + directory + " && " + line);
  }

  /** Starts what goes on until it is stopped; returns the first line it writes. */
  private String firstLine(String line) throws IOException, InterruptedException {
    Process process =
        cistern(line).start(ProcessBuilder.Redirect.PIPE, ProcessBuilder.Redirect.DISCARD);
    try (var lines = process.inputReader(UTF_8)) {
      return String.valueOf(lines.readLine());
    } finally {
      process.destroyForcibly().waitFor();
    }
  }

  private String placed(String text) {
    String quay =
        "- {registry: quay.io, endpoint: \"" + upstream.endpoint() + "\", insecure: true}";
    String address = server == null ? "127.0.0.1:5000" : server.host();
    return text.replace("- registry: quay.io", quay)
        .replace("127.0.0.1:8080", "127.0.0.1:" + hook.getAddress().getPort())
        .replace("webhook.key", directory.resolve("webhook.key").toString())
        .replace("127.0.0.1:5000", address);
  }

  private static Stream<String> commands() throws IOException {
    return blocks("sh").flatMap(String::lines);
  }

  private static Stream<String> blocks(String language) throws IOException {
    return BLOCK
        .matcher(Files.readString(Clients.checkout().resolve("docs/image-streams.md")))
        .results()
        .filter(block -> block.group(1).equals(language))
        .map(block -> block.group(2));
  }
}
