package dev.cistern.conformance.clients;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import dev.cistern.conformance.CisternServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The bill of materials of the distribution, and the question whether a part is vulnerable. */
class AuditTest {
  private static final Path BOM = CisternServer.dist().resolve("cistern.cdx.json");

  private final AtomicReference<String> asked = new AtomicReference<>("");

  @SuppressWarnings("NullAway.Init")
  private HttpServer database;

  private String verdict = "{}";

  @BeforeEach
  void start() throws IOException {
    database = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    database.createContext(
        "/v1/querybatch",
        exchange -> {
          asked.set(new String(exchange.getRequestBody().readAllBytes(), UTF_8));
          int queries = asked.get().split("\"purl\"", -1).length - 1;
          byte[] answer =
              ("{\"results\":[" + verdict + ",{}".repeat(queries - 1) + "]}").getBytes(UTF_8);
          exchange.sendResponseHeaders(200, answer.length);
          exchange.getResponseBody().write(answer);
          exchange.close();
        });
    database.start();
  }

  @AfterEach
  void stop() {
    database.stop(0);
  }

  @Test
  void theBillOfMaterialsNamesThePartsWithVersionsAndHashes() throws IOException {
    assertThat(Files.readString(BOM))
        .contains("\"bomFormat\" : \"CycloneDX\"", "\"SHA-256\"")
        .containsPattern("pkg:maven/io\\.netty/netty-codec-http@[0-9.]+Final")
        .containsPattern("pkg:maven/org\\.rocksdb/rocksdbjni@")
        .doesNotContain("junit", "assertj");
  }

  @Test
  void whatIsNotKnownToBeVulnerablePasses() {
    assertThat(audit(0)).contains("none of them known to be vulnerable");
    assertThat(asked.get()).contains("pkg:maven/io.netty/", "pkg:maven/com.nimbusds/");
  }

  @Test
  void aVulnerablePartIsNamedAndFails() {
    verdict = "{\"vulns\":[{\"id\":\"GHSA-1\"},{\"id\":\"CVE-2\"}]}";
    assertThat(audit(1))
        .contains("known to be vulnerable:")
        .containsPattern("pkg:.*: GHSA-1, CVE-2");
  }

  @Test
  void aDatabaseThatIsOutOfReachIsSaidAndIsNoFailure() {
    database.stop(0);
    assertThat(audit(0)).contains("skipped, the database cannot be reached");
  }

  private String audit(int status) {
    Clients.need("jq", "curl");
    String url = "http://127.0.0.1:" + database.getAddress().getPort();
    Command command =
        Command.of(Clients.checkout().resolve(".ci/audit").toString(), BOM.toString())
            .with("OSV_URL", url);
    return status == 0 ? command.run() : command.fail();
  }
}
