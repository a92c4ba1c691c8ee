package dev.cistern.conformance;

import static dev.cistern.conformance.ManifestText.descriptor;
import static dev.cistern.conformance.ManifestText.field;
import static dev.cistern.conformance.ManifestText.image;
import static dev.cistern.conformance.ManifestText.subject;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.conformance.TestClient.Answered;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Signatures and attestations of repositories with an upstream; what is kept is old at once. */
class ReferrersThroughTest {
  private static final String SBOM = "application/vnd.example.sbom";
  private static final String SIGNATURE = "application/vnd.example.signature";

  private static TestUpstreams upstreams;
  private static CisternServer server;
  private static TestClient client;

  /** One that waits for an upstream not even a second if something is here, and its client. */
  private static CisternServer hastyServer;

  private static TestClient hasty;

  private UpstreamRegistry upstream;
  private String repository;
  private String here;
  private String subject;
  private String list;

  @BeforeAll
  static void start(@TempDir Path directory) throws IOException {
    upstreams = TestUpstreams.start(8);
    server = start(directory.resolve("patient"), "1m");
    client = new TestClient(server);
    hastyServer = start(directory.resolve("hasty"), "500ms");
    hasty = new TestClient(hastyServer);
  }

  private static CisternServer start(Path directory, String patience) throws IOException {
    var config = new TestConfig(Files.createDirectory(directory)).line("patience: " + patience);
    return upstreams.addTo(config, "insecure: true", "freshness: 1ms").start();
  }

  @AfterAll
  static void stop() {
    client.close();
    server.close();
    hasty.close();
    hastyServer.close();
    upstreams.close();
  }

  @BeforeEach
  void takeAnUpstream() {
    TestUpstreams.Turn turn = upstreams.take("team/signed");
    upstream = turn.upstream();
    repository = turn.repository();
    here = turn.here();
    subject = upstream.addManifest(repository, Samples.manifest("subject of " + repository), "v1");
    list = here + "/referrers/" + subject;
  }

  @Test
  void theReferrersAreTheUpstreamsThoughNothingWasPulled() {
    String sbom = attach(SBOM, "1");
    String signature = attach(SIGNATURE, "2");

    Answered all = client.get(list);
    Answered some = client.get(list + "?artifactType=" + SBOM);

    assertThat(digests(all)).containsExactly(sorted(sbom, signature));
    assertThat(all.header("Content-Type")).isEqualTo(Samples.INDEX);
    assertThat(all.cacheStatus()).isEqualTo("cistern; fwd=uri-miss; stored");
    assertThat(digests(some)).containsExactly(sbom);
    assertThat(some.header("OCI-Filters-Applied")).isEqualTo("artifactType");
    assertThat(some.text()).contains("\"artifactType\":\"" + SBOM + "\"");
  }

  @Test
  void whatWasPushedIsInTheListToo() {
    String theirs = attach(SIGNATURE, "theirs");
    String ours = push(artifact(SIGNATURE, "ours", "[]"));

    assertThat(digests(client.get(list))).containsExactly(sorted(theirs, ours));
    assertThat(allPages(list + "?n=1")).containsExactly(sorted(theirs, ours));
    assertThat(digests(client.get(list + "?n=0"))).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(ints = {404, 400, 405, 406})
  void anUpstreamWithoutTheEndpointIsAskedForTheTagThatStandsForIt(int status) {
    String digest = attach(SBOM, "fallback");
    String index =
        ManifestText.index(descriptor(Samples.IMAGE, digest, 10), field("note", "fallback"));
    upstream.addIndex(repository, index.getBytes(UTF_8), subject.replace(':', '-'));
    upstream.always("GET", "/referrers/", Answer.status(status));

    assertThat(digests(client.get(list))).containsExactly(digest);
  }

  @Test
  void theTagOfALongDigestIsCutAsTheSpecificationSays() {
    String digest = "sha512:" + "ab".repeat(64);
    String child = descriptor(Samples.IMAGE, subject, 10);
    upstream.addIndex(
        repository, ManifestText.index(child, "").getBytes(UTF_8), "sha512-" + "ab".repeat(32));
    upstream.always("GET", "/referrers/", Answer.status(404));

    assertThat(digests(client.get(here + "/referrers/" + digest))).containsExactly(subject);
  }

  @Test
  void anUpstreamWithNeitherHasNone() {
    upstream.always("GET", "/referrers/", Answer.status(404));

    Answered answered = client.get(list);

    assertThat(digests(answered)).isEmpty();
    assertThat(digests(client.get(list.replace(repository, "no/where")))).isEmpty();
    push(artifact(SBOM, "ours", "[]"));
    assertThat(digests(client.get(list))).hasSize(1);
  }

  @Test
  void aSignatureIsFoundPulledAndServedAgainWhenTheUpstreamIsGone() {
    byte[] content = Samples.bytes(5000, 1);
    String layer = upstream.addBlob(repository, content);
    String layers = "[" + descriptor("application/octet-stream", layer, content.length) + "]";
    byte[] signature = artifact(SIGNATURE, "with a layer", layers);
    upstream.addBlob(repository, "{}".getBytes(UTF_8));
    upstream.addManifest(repository, signature);
    attach(SBOM, "never pulled");

    String found = digests(client.get(list + "?artifactType=" + SIGNATURE)).getFirst();
    assertPulled(found, signature, layer, content);
    await()
        .until(() -> client.get(here + "/blobs/" + layer).cacheStatus().startsWith("cistern; hit"));
    upstream.goAway();
    try {
      Answered listed = client.get(list);

      assertThat(digests(listed)).containsExactly(Samples.digest(signature));
      assertThat(listed.cacheStatus()).startsWith("cistern; fwd=stale").contains("detail=");
      assertThat(listed.text()).contains("\"artifactType\":\"" + SIGNATURE + "\"");
      assertPulled(found, signature, layer, content);
    } finally {
      upstream.comeBack();
    }
  }

  @Test
  void aSignatureUnderATagIsPulledAndServedAgainWhenTheUpstreamIsGone() {
    byte[] content = Samples.bytes(3000, 2);
    String layer = upstream.addBlob(repository, content);
    byte[] signature = Samples.manifestOf(layer, content.length);
    String tag = subject.replace(':', '-') + ".sig";
    upstream.addManifest(repository, signature, tag);

    assertPulled(tag, signature, layer, content);
    await()
        .until(() -> client.get(here + "/blobs/" + layer).cacheStatus().startsWith("cistern; hit"));
    upstream.goAway();
    try {
      assertPulled(tag, signature, layer, content);
      assertThat(client.get(here + "/tags/list").text()).contains(tag);
    } finally {
      upstream.comeBack();
    }
  }

  static Stream<Answer> failures() {
    return Stream.of(
        Answer.status(401),
        Answer.throttled("30"),
        Answer.status(503),
        new Answer.HungUp(),
        new Answer.Held(new CountDownLatch(1)));
  }

  @ParameterizedTest
  @MethodSource("failures")
  void whatIsHereIsListedWhenTheUpstreamFailsAndNobodyWaitsTwice(Answer failure) {
    String pulled = attach(SIGNATURE, "pulled");
    attach(SIGNATURE, "not pulled");
    hasty.get(here + "/manifests/" + pulled);
    upstream.always("GET", "/referrers/", failure);

    assertStale(hasty.get(list), pulled);
    await().until(() -> !upstream.requests("GET", "/referrers/").isEmpty());
    int asked = upstream.requests("GET", "/referrers/").size();
    assertStale(hasty.get(list), pulled);
    assertThat(upstream.requests("GET", "/referrers/")).hasSize(asked);
  }

  static Stream<Arguments> failuresWithNothingHere() {
    return Stream.of(
        Arguments.of(Answer.basicChallenge(), 403, "DENIED"),
        Arguments.of(Answer.throttled("17"), 429, "TOOMANYREQUESTS"),
        Arguments.of(Answer.status(503), 502, "UPSTREAM_UNAVAILABLE"));
  }

  @ParameterizedTest
  @MethodSource("failuresWithNothingHere")
  void theFailureIsToldWhenNothingIsHere(Answer failure, int status, String code) {
    client.get(here + "/manifests/v1");
    upstream.always("GET", "/referrers/", failure);

    Answered answered = client.get(list);

    assertThat(answered.status()).isEqualTo(status);
    assertThat(answered.text()).contains(code);
  }

  static Stream<Arguments> malformed() {
    return Stream.of(
        Arguments.of(index("<html>"), "not JSON"),
        Arguments.of(index("{}"), "not valid"),
        Arguments.of(index("[]"), "not valid"),
        Arguments.of(index("{\"schemaVersion\":2,\"manifests\":[1]}"), "manifests[0]"),
        Arguments.of(index("{\"schemaVersion\":2,\"manifests\":[{\"size\":1}]}"), "manifests[0]"),
        Arguments.of(
            new Answer.Other(200, Map.of("Content-Type", Samples.IMAGE), image("")),
            "not an index"),
        Arguments.of(
            Answer.all(
                index(ManifestText.index("", "")),
                new Answer.With("Link", "<?page=2>; rel=\"next\"")),
            "leads back"));
  }

  @ParameterizedTest
  @MethodSource("malformed")
  void aListThatIsNoneIsAFailureThatSaysWhy(Answer wrong, String reason) {
    upstream.always("GET", "/referrers/", wrong);

    Answered answered = client.get(list);

    assertThat(answered.status()).isEqualTo(502);
    assertThat(answered.text()).contains("UPSTREAM_UNAVAILABLE", reason);
  }

  private static Answer index(String body) {
    return new Answer.Other(200, Map.of("Content-Type", Samples.INDEX), body);
  }

  private byte[] artifact(String type, String note, String layers) {
    return image(subject(subject) + field("artifactType", type) + field("note", note))
        .replace("\"layers\":[]", "\"layers\":" + layers)
        .getBytes(UTF_8);
  }

  /** Attaches an artifact to the subject upstream; returns its digest. */
  private String attach(String type, String note) {
    return upstream.addManifest(repository, artifact(type, note, "[]"));
  }

  private String push(byte[] manifest) {
    client.pushBlob(here.substring("/v2/".length()), "{}".getBytes(UTF_8));
    String digest = Samples.digest(manifest);
    assertThat(client.putManifest(here + "/manifests/" + digest, manifest).status()).isEqualTo(201);
    return digest;
  }

  private void assertPulled(String reference, byte[] manifest, String layer, byte[] content) {
    assertThat(client.get(here + "/manifests/" + reference).bytes()).isEqualTo(manifest);
    assertThat(client.get(here + "/blobs/" + layer).bytes()).isEqualTo(content);
  }

  private static void assertStale(Answered answered, String... expected) {
    assertThat(digests(answered)).containsExactly(expected);
    assertThat(answered.cacheStatus()).startsWith("cistern; fwd=stale").contains("detail=");
  }

  private static String[] sorted(String... digests) {
    return Stream.of(digests).sorted().toArray(String[]::new);
  }

  private static List<String> allPages(String first) {
    var all = new ArrayList<String>();
    for (String page = first; !page.isEmpty(); ) {
      Answered answered = client.get(page);
      all.addAll(digests(answered));
      page = ListTest.next(answered.response());
    }
    return all;
  }

  private static List<String> digests(Answered answered) {
    assertThat(answered.status()).as(answered::text).isEqualTo(200);
    return JsonMapper.shared()
        .readTree(answered.bytes())
        .path("manifests")
        .valueStream()
        .map((JsonNode node) -> node.path("digest").asString())
        .toList();
  }
}
