package dev.cistern.conformance;

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
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
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

/** Lists of tags of repositories with an upstream. Every kept list is old at once in most tests. */
class ListsThroughTest {
  private static final byte[] MANIFEST = Samples.manifest("listed");

  private static TestUpstreams upstreams;
  private static CisternServer server;
  private static TestClient client;

  /** One that waits for an upstream not even a second if something is here, and its client. */
  private static CisternServer hastyServer;

  private static TestClient hasty;

  private UpstreamRegistry upstream;
  private String repository;
  private String here;
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
    TestUpstreams.Turn turn = upstreams.take("team/listed");
    upstream = turn.upstream();
    repository = turn.repository();
    here = turn.here();
    list = here + "/tags/list";
    upstream.limitPages(1000);
  }

  @Test
  void theTagsAreTheUpstreamsThoughNothingWasPulled() {
    upstream.addManifest(repository, MANIFEST, "v2", "v1", "V3");

    Answered answered = client.get(list);

    assertThat(tags(answered)).containsExactly("V3", "v1", "v2");
    assertThat(answered.header("Content-Type")).isEqualTo("application/json");
    assertThat(answered.cacheStatus()).isEqualTo("cistern; fwd=uri-miss; stored");
    assertThat(JsonMapper.shared().readTree(answered.bytes()).path("name").asString())
        .isEqualTo(here.substring("/v2/".length()));
    assertThat(client.head(list).status()).isEqualTo(200);
  }

  @Test
  void whatWasPushedIsInTheListToo() {
    upstream.addManifest(repository, MANIFEST, "a", "c");
    push(client, "b");
    push(client, "c");
    push(client, "A");

    assertThat(tags(client.get(list))).containsExactly("A", "a", "b", "c");
    assertThat(allPages(list + "?n=1")).containsExactly("A", "a", "b", "c");
    assertThat(tags(client.get(list + "?n=2&last=a"))).containsExactly("b", "c");
    assertThat(tags(client.get(list + "?n=0"))).isEmpty();
  }

  @Test
  void aTagThatIsGoneUpstreamIsNotListedThoughItIsCached() {
    warm(client);
    upstream.always("GET", "/tags/list", json("{\"name\":\"x\",\"tags\":[\"v2\"]}"));
    push(client, "v3");

    assertThat(tags(client.get(list))).containsExactly("v2", "v3");
  }

  @ParameterizedTest
  @ValueSource(strings = {"{\"name\":\"x\",\"tags\":[]}", "{\"tags\":null}"})
  void aRepositoryWithoutTagsHasAnEmptyList(String body) {
    upstream.always("GET", "/tags/list", json(body));

    assertThat(tags(client.get(list))).isEmpty();
  }

  @Test
  void whatCannotBeATagIsLeftOut() {
    upstream.always("GET", "/tags/list", json("{\"tags\":[\"v1\",\"\",\"a b\",\"\\\"x\",\"-\"]}"));

    assertThat(tags(client.get(list))).containsExactly("v1");
  }

  @Test
  void allPagesOfTheUpstreamAreRead() {
    String[] many = IntStream.range(0, 250).mapToObj("t%03d"::formatted).toArray(String[]::new);
    upstream.addManifest(repository, MANIFEST, many);
    upstream.limitPages(100);

    assertThat(tags(client.get(list))).containsExactly(many);
    assertThat(upstream.requests("GET", "/tags/list"))
        .extracting(Received::target)
        .extracting(target -> target.substring(target.indexOf('?')))
        .containsExactly("?n=1000", "?n=100&last=t099", "?n=100&last=t199");
  }

  @Test
  void aListIsKeptForTheFreshnessInterval(@TempDir Path directory) {
    upstream.addManifest(repository, MANIFEST, "v1", "v2", "v3");
    var config =
        new TestConfig(directory).upstream("up", upstream, "insecure: true", "freshness: 1h");
    try (CisternServer patient = config.start();
        TestClient there = new TestClient(patient)) {
      String kept = "/v2/up/" + repository + "/tags/list";
      Answered first = there.get(kept + "?n=2");
      Answered second = there.get(kept + "?n=2&last=v2");

      assertThat(tags(first)).containsExactly("v1", "v2");
      assertThat(first.cacheStatus()).isEqualTo("cistern; fwd=uri-miss; stored");
      assertThat(tags(second)).containsExactly("v3");
      assertThat(second.header("Link")).isEmpty();
      assertThat(second.cacheStatus()).matches("cistern; hit; ttl=3[56]\\d\\d");
      assertThat(upstream.requests()).hasSize(1);

      upstream.goAway();
      assertThat(tags(there.get(kept))).containsExactly("v1", "v2", "v3");
      upstream.comeBack();
    }
  }

  @Test
  void manyClientsShareOneQuestion() {
    upstream.addManifest(repository, MANIFEST, "v1");
    var gate = new CountDownLatch(1);
    upstream.next("GET", "/tags/list", new Answer.Held(gate));
    var all = new ArrayList<CompletableFuture<Answered>>();
    IntStream.range(0, 20).forEach(i -> all.add(client.getLater(list)));
    await().until(() -> !upstream.requests("GET", "/tags/list").isEmpty());
    assertThat(all).noneMatch(CompletableFuture::isDone);
    assertThat(upstream.requests("GET", "/tags/list")).hasSize(1);
    gate.countDown();

    assertThat(all).allSatisfy(answered -> assertThat(tags(answered.join())).containsExactly("v1"));
  }

  static Stream<Answer> failures() {
    return Stream.of(
        Answer.status(401),
        Answer.basicChallenge(),
        Answer.status(403),
        Answer.throttled("30"),
        Answer.status(500),
        Answer.status(503),
        new Answer.HungUp(),
        new Answer.Cut(10),
        new Answer.Held(new CountDownLatch(1)),
        new Answer.HeldInHead(new CountDownLatch(1)),
        new Answer.HeldInBody(5, new CountDownLatch(1)));
  }

  @ParameterizedTest
  @MethodSource("failures")
  void whatIsHereIsListedWhenTheUpstreamFailsAndNobodyWaitsTwice(Answer failure) {
    warm(hasty);
    push(hasty, "pushed");
    upstream.always("GET", "/tags/list", failure);

    assertStale(hasty.get(list), "pushed", "v1");
    await().until(() -> !upstream.requests("GET", "/tags/list").isEmpty());
    int asked = upstream.requests("GET", "/tags/list").size();
    assertStale(hasty.get(list), "pushed", "v1");
    assertThat(upstream.requests("GET", "/tags/list")).hasSize(asked);
  }

  @Test
  void whatIsHereIsListedWhenTheUpstreamIsGone() {
    warm(client);
    upstream.goAway();
    try {
      assertStale(client.get(list), "v1");
      assertStale(client.get(list), "v1");
      assertThat(client.get(list.replace(repository, "no/where")).status()).isEqualTo(502);
    } finally {
      upstream.comeBack();
    }
  }

  @Test
  void listsOfOtherUpstreamsThatHangKeepNobodyFromOne(@TempDir Path directory) {
    var gate = new CountDownLatch(1);
    try (TestUpstreams others = TestUpstreams.start(3)) {
      try (CisternServer alone = others.addTo(new TestConfig(directory), "insecure: true").start();
          TestClient there = new TestClient(alone)) {
        for (int i = 0; i < 2; i++) {
          TestUpstreams.Turn hanging = others.take("hanging");
          for (String name : List.of(hanging.repository(), hanging.repository() + "-too")) {
            hanging.upstream().addManifest(name, MANIFEST, "v1");
            hanging.upstream().next("GET", "/tags/list", new Answer.Held(gate));
            String here = hanging.here().replace(hanging.repository(), name);
            CompletableFuture<Answered> later = there.getLater(here + "/tags/list");
            await()
                .untilAsserted(() ->
                    assertThat(hanging.upstream().requests("GET", name + "/tags/list")).hasSize(1));
            assertThat(later).isNotDone();
          }
        }
        TestUpstreams.Turn well = others.take("well");
        well.upstream().addManifest(well.repository(), MANIFEST, "v1");

        Answered answered = there.get(well.here() + "/tags/list");

        assertThat(answered.status()).as("%s", answered).isEqualTo(200);
        assertThat(tags(answered)).containsExactly("v1");
        gate.countDown();
      }
    }
  }

  @Test
  void anAnswerThatComesTooLateServesTheNextOnes(@TempDir Path directory) {
    upstream.addManifest(repository, MANIFEST, "v1", "v2");
    var gate = new CountDownLatch(1);
    var config =
        new TestConfig(directory)
            .upstream("up", upstream, "insecure: true", "freshness: 1h")
            .line("patience: 100ms");
    try (CisternServer hasty = config.start();
        TestClient there = new TestClient(hasty)) {
      String path = "/v2/up/" + repository;
      there.get(path + "/manifests/v1");
      upstream.next("GET", "/tags/list", new Answer.Held(gate));

      assertStale(there.get(path + "/tags/list"), "v1");
      gate.countDown();

      await()
          .untilAsserted(
              () -> assertThat(tags(there.get(path + "/tags/list"))).containsExactly("v1", "v2"));
      assertThat(upstream.requests("GET", "/tags/list")).hasSize(1);
    }
  }

  @Test
  void aListComesAgainWhenTheUpstreamAnswersAgain() {
    warm(client);
    upstream.next("GET", "/tags/list", Answer.throttled("0"));
    assertStale(client.get(list), "v1");

    await().untilAsserted(() -> assertThat(tags(client.get(list))).containsExactly("v1", "v2"));
  }

  @Test
  void anOutageThatAManifestMetSparesTheQuestion() {
    warm(client);
    upstream.always("HEAD", "/manifests/", Answer.throttled("60"));
    client.get(here + "/manifests/v1");

    assertStale(client.get(list), "v1");
    assertThat(upstream.requests("GET", "/tags/list")).isEmpty();
  }

  @Test
  void aListThatFailsDoesNotMakeTagsStale() {
    warm(client);
    upstream.always("GET", "/tags/list", Answer.status(503));
    assertStale(client.get(list), "v1");

    assertThat(client.get(here + "/manifests/v1").cacheStatus()).startsWith("cistern; hit");
  }

  static Stream<Arguments> failuresWithNothingHere() {
    return Stream.of(
        Arguments.of(Answer.status(401), 403, "DENIED"),
        Arguments.of(Answer.basicChallenge(), 403, "DENIED"),
        Arguments.of(Answer.status(403), 403, "DENIED"),
        Arguments.of(Answer.throttled("17"), 429, "TOOMANYREQUESTS"),
        Arguments.of(Answer.status(404), 404, "NAME_UNKNOWN"),
        Arguments.of(Answer.status(503), 502, "UPSTREAM_UNAVAILABLE"),
        Arguments.of(new Answer.HungUp(), 502, "UPSTREAM_UNAVAILABLE"));
  }

  @ParameterizedTest
  @MethodSource("failuresWithNothingHere")
  void theFailureIsToldWhenNothingIsHere(Answer failure, int status, String code) {
    upstream.always("GET", "/tags/list", failure);

    Answered answered = client.get(list);

    assertThat(answered.status()).isEqualTo(status);
    assertThat(answered.text()).contains(code);
    assertThat(answered.header("Retry-After")).isEqualTo(status == 429 ? "17" : "");
  }

  @Test
  void whatWasPushedIsAllWhenTheUpstreamHasNoSuchRepository() {
    push(client, "only");

    Answered answered = client.get(list);

    assertThat(tags(answered)).containsExactly("only");
    assertThat(answered.cacheStatus()).contains("404").doesNotContain("stale");
  }

  static Stream<Arguments> malformed() {
    return Stream.of(
        Arguments.of(json("<html>"), "not JSON"),
        Arguments.of(json(""), "of the form"),
        Arguments.of(json("{\"tags\":[\"v1\""), "not JSON"),
        Arguments.of(json("[\"v1\"]"), "of the form"),
        Arguments.of(json("{}"), "of the form"),
        Arguments.of(json("{\"tags\":{}}"), "of the form"),
        Arguments.of(json("{\"tags\":[1]}"), "of the form"),
        Arguments.of(json("{\"tags\":[[\"v1\"]]}"), "of the form"),
        Arguments.of(json("[".repeat(100_000)), "of the form"),
        Arguments.of(json("{\"x\":" + "[".repeat(100_000)), "not JSON"),
        Arguments.of(json("{\"tags\":[\"" + "x".repeat(4 << 20) + "\"]}"), "larger than 4 MiB"),
        Arguments.of(linked("?n=1000"), "leads back"),
        Arguments.of(linked("?n=1&last=x"), "leads back"),
        Arguments.of(linked("http://127.0.0.2:1/v2/x/tags/list"), "another host"),
        Arguments.of(linked("//example.com/v2/x/tags/list"), "another host"),
        Arguments.of(linked("file:///etc/passwd"), "another host"),
        Arguments.of(linked("ht tp://x"), "no URI"));
  }

  @ParameterizedTest
  @MethodSource("malformed")
  void aListThatIsNoneIsAFailureThatSaysWhy(Answer wrong, String reason) {
    warm(client);
    upstream.always("GET", "/tags/list", wrong);

    Answered stale = client.get(list);
    Answered nothing = client.get(list.replace("/tags/", "-other/tags/"));

    assertStale(stale, "v1");
    assertThat(stale.cacheStatus()).contains(reason);
    assertThat(nothing.status()).isEqualTo(502);
    assertThat(nothing.text()).contains("UPSTREAM_UNAVAILABLE", reason);
  }

  @Test
  void aListOfTooManyPagesIsAFailureThatSaysSo() {
    upstream.addManifest(
        repository,
        MANIFEST,
        IntStream.range(0, 1_001).mapToObj("t%04d"::formatted).toArray(String[]::new));
    upstream.limitPages(1);

    Answered answered = client.get(list);

    assertThat(answered.status()).isEqualTo(502);
    assertThat(answered.text()).contains("more than 1000 pages");
    assertThat(upstream.requests("GET", "/tags/list")).hasSize(1_000);
  }

  @Test
  void aPageThatFailsIsAFailureOfTheList() {
    upstream.addManifest(repository, MANIFEST, "v1", "v2");
    upstream.limitPages(1);
    upstream.always("GET", "last=v1", Answer.status(404));

    Answered answered = client.get(list);

    assertThat(answered.status()).isEqualTo(502);
    assertThat(answered.text()).contains("its list ends with 404");
  }

  @Test
  void nsNamesTheUpstreamOfAListToo() {
    upstream.addManifest(repository, MANIFEST, "v1", "v2");
    String ns = "&ns=" + upstream.host();

    Answered answered = client.get("/v2/" + repository + "/tags/list?n=1" + ns);

    assertThat(tags(answered)).containsExactly("v1");
    assertThat(answered.header("OCI-Namespace")).isEqualTo(upstream.host());
    assertThat(answered.header("Link")).contains("last=v1", "ns=");
    assertThat(allPages("/v2/" + repository + "/tags/list?n=1" + ns)).containsExactly("v1", "v2");
  }

  @Test
  void nobodyIsAskedForTheListOfALocalRepository() {
    client.pushBlob("only/local", "{}".getBytes(UTF_8));
    client.putManifest("/v2/only/local/manifests/v1", MANIFEST);

    assertThat(tags(client.get("/v2/only/local/tags/list"))).containsExactly("v1");
    assertThat(client.get("/v2/no/local/tags/list").text()).contains("NAME_UNKNOWN");
    assertThat(upstream.requests()).isEmpty();
  }

  private static Answer json(String body) {
    return new Answer.Other(200, Map.of("Content-Type", "application/json"), body);
  }

  private static Answer linked(String target) {
    return new Answer.Other(
        200,
        Map.of("Content-Type", "application/json", "Link", "<" + target + ">; rel=\"next\""),
        "{\"tags\":[\"v1\"]}");
  }

  /** Brings v1 of an upstream with v1 and v2 here. */
  private void warm(TestClient there) {
    upstream.addManifest(repository, MANIFEST, "v1", "v2");
    assertThat(there.get(here + "/manifests/v1").status()).isEqualTo(200);
    upstream.forget();
  }

  private void push(TestClient there, String tag) {
    there.pushBlob(here.substring("/v2/".length()), "{}".getBytes(UTF_8));
    byte[] manifest = Samples.manifest("pushed as " + tag);
    assertThat(there.putManifest(here + "/manifests/" + tag, manifest).status()).isEqualTo(201);
  }

  private static List<String> allPages(String first) {
    var all = new ArrayList<String>();
    for (String page = first; !page.isEmpty(); ) {
      Answered answered = client.get(page);
      all.addAll(tags(answered));
      page = ListTest.next(answered.response());
    }
    return all;
  }

  private static List<String> tags(Answered answered) {
    assertThat(answered.status()).as(answered::text).isEqualTo(200);
    return JsonMapper.shared()
        .readTree(answered.bytes())
        .path("tags")
        .valueStream()
        .map(JsonNode::asString)
        .toList();
  }

  private static void assertStale(Answered answered, String... expected) {
    assertThat(tags(answered)).containsExactly(expected);
    assertThat(answered.cacheStatus()).startsWith("cistern; fwd=stale").contains("detail=");
  }
}
