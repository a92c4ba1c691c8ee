package dev.cistern.conformance;

import static dev.cistern.conformance.RegistryClient.text;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.conformance.StoredFiles.Fault;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code cistern fsck}, of a server that is stopped and of one that runs, and the scrub. */
class FsckTest {
  private static final byte[] PUSHED = Samples.bytes(10_000, 1);
  private static final byte[] CACHED = Samples.bytes(10_000, 2);

  @TempDir private Path directory;
  private UpstreamRegistry upstream;
  private CisternServer server;
  private RegistryClient client;
  private StoredFiles files;
  private String pushed;
  private String cached;

  @BeforeEach
  void start() {
    upstream = UpstreamRegistry.start();
    server = config().start();
    client = new RegistryClient(server);
    files = new StoredFiles(directory.resolve("data"));
    pushed = client.pushBlob("team/app", PUSHED);
    client.pushBlob("team/app", "{}".getBytes(UTF_8));
    client.pushManifest(
        "team/app",
        "v1",
        Samples.IMAGE,
        new String(Samples.manifestOf(pushed, PUSHED.length), UTF_8));
    cached = upstream.addBlob("x", CACHED);
    upstream.addManifest("x", Samples.manifestOf(cached, CACHED.length), "v1");
    assertThat(client.get("/v2/up/x/manifests/v1").statusCode()).isEqualTo(200);
    assertThat(client.get(blob("up/x", cached)).body()).isEqualTo(CACHED);
    await().until(() -> files.has(cached));
  }

  @AfterEach
  void stop() {
    client.close();
    server.close();
    upstream.close();
  }

  private TestConfig config() {
    return new TestConfig(directory).upstream("up", upstream, "insecure: true");
  }

  private record Ran(int status, String out, String err) {
    JsonNode json() {
      return JsonMapper.shared().readTree(out);
    }
  }

  private Ran fsck(String... words) throws IOException, InterruptedException {
    var arguments = new ArrayList<>(List.of("fsck"));
    arguments.addAll(List.of(words));
    Path out = directory.resolve("out");
    Path err = directory.resolve("err");
    Process process =
        new ProcessBuilder(CisternServer.command(arguments))
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    return new Ran(process.waitFor(), Files.readString(out, UTF_8), Files.readString(err, UTF_8));
  }

  private String data() {
    return directory.resolve("data").toString();
  }

  @Test
  void theStoreOfAStoppedServerIsCheckedAndRepaired() throws IOException, InterruptedException {
    Ran running = fsck("--data", data());
    assertThat(running.status()).isEqualTo(3);
    assertThat(running.err()).contains("another process").contains("has the store in");

    server.close();
    Ran clean = fsck("--data", data(), "--digests");
    assertThat(clean.status()).as(clean.toString()).isZero();
    assertThat(clean.out()).startsWith("checked ").contains(": clean");

    files.plant(Fault.FLIPPED, pushed);
    files.plant(Fault.CUT, cached);
    Files.writeString(files.file(pushed).resolveSibling("notes.txt"), "foreign");
    Ran found = fsck("--data", data(), "--digests", "--repair", "-o", "json");

    assertThat(found.status()).as(found.toString()).isEqualTo(1);
    assertThat(found.json().path("findings"))
        .extracting(finding ->
            finding.path("kind").asString()
                + " "
                + finding.path("origin").asString("")
                + " "
                + finding.path("repaired").asBoolean())
        .containsExactlyInAnyOrder(
            "wrong-digest pushed false", "wrong-size cached true", "unknown-content  true");
    assertThat(found.json().path("summary").path("left").asInt()).isEqualTo(1);
    assertThat(directory.resolve("data/quarantine"))
        .isDirectoryRecursivelyContaining("glob:**notes.txt");

    server = config().start();
    client = new RegistryClient(server);
    assertThat(text(client.get(blob("team/app", pushed))))
        .contains("the stored copy is damaged; push it again");
    client.pushBlob("team/app", PUSHED);
    assertThat(client.get(blob("up/x", cached)).body()).isEqualTo(CACHED);
    await().until(() -> files.has(cached));
    server.close();
    Ran healed = fsck("--data", data(), "--digests");
    assertThat(healed.status()).as(healed.toString()).isZero();
    Ran emptied = fsck("--data", data(), "--empty-quarantine");
    assertThat(emptied.status()).isZero();
    assertThat(directory.resolve("data/quarantine")).isEmptyDirectory();
  }

  @Test
  void theStoreOfAServerThatRunsIsCheckedAndHealed() throws IOException, InterruptedException {
    String url = "http://" + server.host();
    assertThat(fsck("--server", url, "--digests").status()).isZero();
    assertThat(client.get(blob("team/app", pushed)).body()).as("in memory").isEqualTo(PUSHED);
    files.plant(Fault.FLIPPED, pushed);
    files.plant(Fault.FLIPPED, cached);

    Ran found = fsck("--server", url, "--digests", "--repair", "--rate", "100MiB");

    assertThat(found.status()).as(found.toString()).isEqualTo(1);
    assertThat(found.out())
        .contains("found     wrong-digest  " + pushed + " (pushed)")
        .contains("repaired  wrong-digest  " + cached + " (cached)")
        .contains("in team/app")
        .contains("2 findings, 1 left to do");
    assertThat(client.head(blob("team/app", pushed)).statusCode()).isEqualTo(404);
    assertThat(client.get(blob("team/app", pushed)).statusCode()).isEqualTo(404);
    assertThat(files.has(cached)).as("was fetched again").isTrue();
    assertThat(upstream.requests("GET", "/blobs/" + cached)).hasSize(2);
    assertThat(server.log()).anyMatch(line -> line.contains("checks the store and repairs it"));

    client.pushBlob("other/x", PUSHED);
    assertThat(client.get(blob("team/app", pushed)).body()).isEqualTo(PUSHED);
    assertThat(fsck("--server", url, "--digests").status()).isZero();
    String metrics = text(client.get("/metrics"));
    assertThat(metrics)
        .contains("cistern_damaged_blobs 0.0")
        .contains("cistern_damaged_total{origin=\"pushed\"} 1.0")
        .contains("cistern_damaged_total{origin=\"cached\"} 1.0")
        .contains("cistern_healed_total{how=\"pushed\"} 1.0")
        .contains("cistern_healed_total{how=\"refetched\"} 1.0")
        .contains("cistern_scrub_bytes_total 0.0")
        .contains("cistern_scrub_last_complete_timestamp_seconds 0.0");
  }

  @Test
  void theScrubFindsDamageByItself() {
    client.close();
    server.close();
    files.plant(Fault.FLIPPED, pushed);
    server = config().line("storage: {scrub: {every: 1s, rate: 100MiB}}").start();
    client = new RegistryClient(server);

    await().until(() -> client.head(blob("team/app", pushed)).statusCode() == 404);

    await()
        .untilAsserted(() ->
            assertThat(server.log())
                .anyMatch(line -> line.contains("damaged content found") && line.contains(pushed)));
    await()
        .until(() ->
            !text(client.get("/metrics"))
                .contains("cistern_scrub_last_complete_timestamp_seconds 0.0"));
  }

  @Test
  void contentWhoseIndexIsLostIsAdoptedAndUsedAgain() throws IOException, InterruptedException {
    server.close();
    remove(directory.resolve("data/index"));
    Ran refused = fsck("--data", data());
    assertThat(refused.status()).as(refused.toString()).isEqualTo(3);
    assertThat(refused.err()).contains("--adopt");

    Ran adopted = fsck("--data", data(), "--adopt");

    assertThat(adopted.status()).as(adopted.toString()).isZero();
    assertThat(adopted.err()).contains("adopted 3 blobs").contains("0 damaged files");
    server = config().start();
    client.close();
    client = new RegistryClient(server);
    assertThat(client.get("/v2/up/x/manifests/v1").statusCode()).isEqualTo(200);
    assertThat(client.get(blob("up/x", cached)).body()).isEqualTo(CACHED);
    assertThat(upstream.requests("GET", "/blobs/" + cached)).as("downloads").hasSize(1);
  }

  @Test
  void aStoreWhoseContentIsLostForgetsWhatWasCachedAndNamesWhatWasPushed()
      throws IOException, InterruptedException {
    server.close();
    remove(directory.resolve("data/blobs"));
    Ran refused = fsck("--data", data());
    assertThat(refused.status()).as(refused.toString()).isEqualTo(3);
    assertThat(refused.err()).contains("--repair");

    Ran repaired = fsck("--data", data(), "--repair");

    assertThat(repaired.status()).as(repaired.toString()).isEqualTo(1);
    assertThat(repaired.out())
        .contains("found     missing-content  " + pushed + " (pushed)")
        .contains("repaired  missing-content  " + cached + " (cached)");
    server = config().start();
    client.close();
    client = new RegistryClient(server);
    assertThat(text(client.get(blob("team/app", pushed))))
        .contains("the stored copy is damaged; push it again");
    assertThat(client.get(blob("up/x", cached)).body()).isEqualTo(CACHED);
  }

  private static void remove(Path root) throws IOException {
    List<Path> files;
    try (Stream<Path> found = Files.walk(root)) {
      files = found.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path file : files) {
      Files.delete(file);
    }
  }

  @Test
  void whatIsNoStoreIsNotMadeOne() throws IOException, InterruptedException {
    Path empty = Files.createDirectory(directory.resolve("empty"));
    Ran ran = fsck("--data", empty.toString());
    assertThat(ran.status()).isEqualTo(1);
    assertThat(ran.err()).contains(empty + " is not the data directory of a store");
    assertThat(empty).isEmptyDirectory();

    assertThat(fsck().status()).isEqualTo(2);
    Ran rate = fsck("--data", data(), "--rate", "fast");
    assertThat(rate.status()).isEqualTo(2);
    assertThat(rate.err()).contains("--rate: a size such as 50MiB is expected, not \"fast\"");
  }

  private static String blob(String repository, String digest) {
    return "/v2/" + repository + "/blobs/" + digest;
  }
}
