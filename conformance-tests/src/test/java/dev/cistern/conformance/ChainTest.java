package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.conformance.Download.Outcome;
import dev.cistern.conformance.TestClient.Answered;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Servers of which one is the other's mirror, by the mirror sets of a cluster. */
class ChainTest {
  private static final String SOURCE = "/v2/source.example/team/app";
  private static final String NEVER = "mirrorSourcePolicy: NeverContactSource";

  @TempDir Path directory;

  private final UpstreamRegistry upstream = UpstreamRegistry.start();
  private final List<AutoCloseable> open = new ArrayList<>();
  private final byte[] layer = Samples.bytes(300_000, 11);
  private final byte[] manifest = Samples.manifestOf(List.of(layer));
  private final String byDigest = "/manifests/" + Samples.digest(manifest);
  private final String blob = "/blobs/" + Samples.digest(layer);

  @AfterEach
  void stop() throws Exception {
    for (AutoCloseable one : open.reversed()) {
      one.close();
    }
    upstream.close();
  }

  @Test
  void anEdgePullsThroughTheSiteAlsoWhenTheUpstreamIsGone() {
    upstream.addBlob("team/app", layer);
    upstream.addManifest("team/app", manifest, "v1");
    CisternServer site = start(site("site"));
    TestClient edge = client(start(edge("edge", site)));

    assertThat(edge.get(SOURCE + byDigest).bytes()).isEqualTo(manifest);
    assertThat(edge.get(SOURCE + blob).bytes()).isEqualTo(layer);
    assertThat(edge.get(SOURCE + "/manifests/v1").bytes()).isEqualTo(manifest);
    assertThat(upstream.requests("GET", blob)).hasSize(1);
    assertThat(upstream.requests())
        .allSatisfy(request -> assertThat(request.header("via").orElse("")).contains(", "));

    upstream.goAway();
    assertIsWhole(edge);
    assertIsWhole(client(start(edge("later", site))));
    Answered absent = edge.get(SOURCE + "/manifests/" + Samples.digest(new byte[] {1}));
    assertThat(absent.status()).as(absent.text()).isEqualTo(502);
    assertThat(absent.text()).contains("UPSTREAM_UNAVAILABLE", "site.example");
  }

  @Test
  void byTagAloneAnEdgeGetsAWholeImage() {
    upstream.addBlob("team/app", layer);
    upstream.addManifest("team/app", manifest, "v1");
    CisternServer site = start(site("site"));
    TestClient edge = client(start(edge("edge", site)));

    assertThat(edge.get(SOURCE + "/manifests/v1").bytes()).isEqualTo(manifest);
    assertThat(edge.get(SOURCE + byDigest).bytes()).isEqualTo(manifest);
    assertThat(edge.get(SOURCE + blob).bytes()).isEqualTo(layer);
  }

  @Test
  void aLayerOnItsWayThroughBothIsWhole() {
    upstream.addManifest("team/app", manifest, "v1");
    upstream.addBlob("team/app", layer);
    upstream.next("GET", blob, Answer.all(new Answer.Cut(100_000)));
    CisternServer edge = start(edge("edge", start(site("site"))));

    assertThat(Download.of(edge, SOURCE + blob, layer)).matches(Outcome::isExact);
  }

  @Test
  void twoThatAreEachOthersMirrorsEndWithAClearErrorAfterFewRequests() {
    String oneAddress = freeAddress();
    String otherAddress = freeAddress();
    CisternServer one = start(peer("one", "other", otherAddress), oneAddress);
    CisternServer other = start(peer("other", "one", oneAddress), otherAddress);
    TestClient client = client(one);

    for (String path : List.of("/manifests/v1", byDigest, blob)) {
      Answered answered = client.get(SOURCE + path);
      assertThat(answered.status()).as(path + answered.text()).isEqualTo(508);
      assertThat(answered.text()).contains("UPSTREAM_UNAVAILABLE", "point at each other");
    }
    assertThat(requests(one) + requests(other)).isLessThanOrEqualTo(3 * 3);

    TestClient otherClient = client(other);
    assertThat(otherClient.pushBlob("copies/app", layer).status()).isEqualTo(201);
    assertThat(otherClient.putManifest("/v2/copies/app/manifests/v1", manifest).status())
        .isEqualTo(201);
    assertIsWhole(otherClient);
    assertIsWhole(client);
  }

  private void assertIsWhole(TestClient client) {
    assertThat(client.get(SOURCE + byDigest).bytes()).isEqualTo(manifest);
    assertThat(client.get(SOURCE + "/manifests/v1").bytes()).isEqualTo(manifest);
    assertThat(client.get(SOURCE + blob).bytes()).isEqualTo(layer);
  }

  /** The site has the upstream's images below copies/. */
  private TestConfig site(String name) {
    return config(name, "site.example/copies", "")
        .registry("source.example", upstream, "insecure: true");
  }

  /** An edge reaches nothing but the site. */
  private TestConfig edge(String name, CisternServer site) {
    return config(name, "site.example/copies", NEVER)
        .registry("site.example", "http://" + site.host(), "insecure: true");
  }

  /** A server that takes another for its mirror, which is one of the source too. */
  private TestConfig peer(String name, String other, String address) {
    return config(name, "one.example/copies, other.example/copies", NEVER)
        .registry(other + ".example", "http://" + address, "insecure: true")
        .line("absence: 1ms");
  }

  private TestConfig config(String name, String mirrors, String policy) {
    Path own = directory.resolve(name);
    var objects = new ObjectFiles(own.resolve("objects"));
    objects.put("idms.yaml", ObjectFiles.idms("source.example/team", mirrors, policy));
    objects.put("itms.yaml", ObjectFiles.itms("source.example/team", mirrors, policy));
    return new TestConfig(own)
        .line("names: [" + name + ".example]")
        .line("resources: [" + objects.directory() + "]");
  }

  private CisternServer start(TestConfig config) {
    return start(config, "127.0.0.1:0");
  }

  private CisternServer start(TestConfig config, String address) {
    CisternServer server = config.listen(address);
    open.add(server);
    return server;
  }

  private TestClient client(CisternServer server) {
    var client = new TestClient(server);
    open.add(client);
    return client;
  }

  /** Returns how many requests a server has answered and logged. */
  private static int requests(CisternServer server) {
    return (int)
        server.log().stream()
            .filter(line -> line.contains("team/app") || line.contains("copies/app"))
            .count();
  }

  private static String freeAddress() {
    try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return "127.0.0.1:" + socket.getLocalPort();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
