package dev.cistern.conformance;

import static dev.cistern.conformance.Accounts.ALICE;
import static dev.cistern.conformance.Accounts.BOB;
import static dev.cistern.conformance.Accounts.CAROL;
import static dev.cistern.conformance.Accounts.DAVE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.conformance.TestClient.Answered;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The headers by which {@code oc --as} and {@code kubectl --as} act as somebody else. Alice
 * administers all. Bob edits {@code blue}, and {@code red} as a member of {@code builders}. Carol
 * may act as bob, in the group {@code viewers-of-red}, with the extra key {@code scopes}, and as
 * service accounts of {@code blue}. Dave may do nothing.
 */
@Timeout(120)
class ImpersonationTest {
  private static final String JSON = "application/json";
  private static final String STREAM =
      "{\"kind\":\"ImageStream\",\"apiVersion\":\"image.openshift.io/v1\","
          + "\"metadata\":{\"name\":\"%s\"}}";
  private static final String SELF = "/apis/user.openshift.io/v1/users/~";
  private static final String REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
  private static final String ACCESS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
  private static final String ROLES =
      """
      apiVersion: rbac.authorization.k8s.io/v1
      kind: ClusterRole
      metadata: {name: acts-as-bob}
      rules:
      - {apiGroups: [""], resources: [users], resourceNames: [bob, eve], verbs: [impersonate]}
      - {apiGroups: [""], resources: [groups], resourceNames: [viewers-of-red], verbs: [impersonate]}
      - {apiGroups: [authentication.k8s.io], resources: [userextras/scopes], verbs: [impersonate]}
      ---
      apiVersion: rbac.authorization.k8s.io/v1
      kind: ClusterRole
      metadata: {name: acts-as-accounts}
      rules:
      - {apiGroups: [""], resources: [serviceaccounts], verbs: [impersonate]}
      ---
      apiVersion: user.openshift.io/v1
      kind: Group
      metadata: {name: builders}
      users: [bob]
      """;

  private static final String ROLE_OF_ERIN =
      """
      apiVersion: rbac.authorization.k8s.io/v1
      kind: ClusterRole
      metadata: {name: acts-as-erin}
      rules:
      - {apiGroups: [""], resources: [users], resourceNames: [erin], verbs: [impersonate]}
      """;

  private static ObjectFiles objects;
  private static CisternServer server;
  private static TestClient alice;
  private static TestClient bob;
  private static TestClient carol;
  private static TestClient dave;
  private static TestClient nobody;

  @BeforeAll
  static void start(@TempDir Path directory) {
    objects = new ObjectFiles(directory.resolve("objects"));
    objects.put("roles.yaml", ROLES);
    bind("", "cluster-admin", "User", "alice");
    bind("blue", "registry-editor", "User", "bob");
    bind("red", "registry-editor", "Group", "builders");
    bind("red", "registry-viewer", "Group", "viewers-of-red");
    bind("green", "registry-viewer", "Group", "system:authenticated");
    bind("", "acts-as-bob", "User", "carol");
    bind("blue", "acts-as-accounts", "User", "carol");
    bind("blue", "registry-viewer", "Group", "system:serviceaccounts:blue");
    Path users = directory.resolve("users");
    ObjectFiles.replace(users, ALICE.line() + BOB.line() + CAROL.line() + DAVE.line());
    server =
        new TestConfig(directory)
            .line("resources: [" + objects.directory() + "]")
            .line("access: {users: " + users + ", anonymous: none}")
            .start();
    alice = ALICE.client(server);
    bob = BOB.client(server);
    carol = CAROL.client(server);
    dave = DAVE.client(server);
    nobody = new TestClient(server);
    var administrator = new ApiClient(alice);
    for (String namespace : List.of("red", "blue", "green", "grey")) {
      administrator.makeNamespace(namespace);
      String stream = STREAM.formatted("app").replace('"', '\'');
      assertThat(administrator.post(ApiClient.streams(namespace), stream).status()).isEqualTo(201);
    }
  }

  private static void bind(String namespace, String role, String kind, String name) {
    objects.put(
        (namespace + "-" + role + "-" + name).replace(':', '-') + ".yaml",
        ObjectFiles.binding(namespace, role, kind, name)
            .replace("{name: one", "{name: " + role + "-" + name.replace(':', '-')));
  }

  @AfterAll
  static void stop() {
    List.of(alice, bob, carol, dave, nobody).forEach(TestClient::close);
    server.close();
  }

  private static TestClient client(String name) {
    return switch (name) {
      case "alice" -> alice;
      case "bob" -> bob;
      case "carol" -> carol;
      case "dave" -> dave;
      default -> nobody;
    };
  }

  /** Returns headers of a text such as {@code User=bob, Group=a, Group=b}. */
  private static String[] headers(String text) {
    var headers = new ArrayList<String>();
    for (String part : text.split(", ", -1)) {
      int equals = part.indexOf('=');
      headers.add("Impersonate-" + part.substring(0, equals));
      headers.add(part.substring(equals + 1));
    }
    return headers.toArray(String[]::new);
  }

  private static JsonNode json(Answered answered) {
    return JsonMapper.shared().readTree(answered.bytes());
  }

  private static Answered post(TestClient client, String path, String body, String... headers) {
    return client.send("POST", path, JSON, body.getBytes(UTF_8), headers);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "User=bob                                            | bob      | system:authenticated",
        "User=bob, Group=x                                   | bob      | system:authenticated,x",
        "User=eve, Group=x, Group=y                          | eve      | system:authenticated,x,y",
        "User=system:serviceaccount:blue:default             | system:serviceaccount:blue:default"
            + " | system:authenticated,system:serviceaccounts,system:serviceaccounts:blue",
        "User=system:serviceaccount:blue:default, Group=x    | system:serviceaccount:blue:default"
            + " | system:authenticated,x",
        "User=system:anonymous                               | system:anonymous"
            + " | system:unauthenticated",
        "User=system:anonymous, Group=x                      | system:anonymous"
            + " | system:unauthenticated,x",
        "User=bob, Group=system:masters                      | bob"
            + " | system:authenticated,system:masters",
      })
  void theImpersonatedIsWhoAsks(String headers, String name, String groups) {
    JsonNode user = json(alice.get(SELF, headers(headers)));
    assertThat(user.path("metadata").path("name").asString("")).isEqualTo(name);
    JsonNode info =
        json(post(alice, REVIEW, "{}", headers(headers))).path("status").path("userInfo");
    assertThat(info.path("username").asString("")).isEqualTo(name);
    assertThat(info.path("groups").valueStream().map(JsonNode::asString))
        .containsExactly(groups.split(",", -1));
  }

  @Test
  void anUidAndExtraValuesAreShown() {
    String[] headers =
        headers("User=bob, Uid=u-1, Extra-scopes=a, Extra-scopes=b, Extra-Example.com%2fKey=c");
    JsonNode info = json(post(alice, REVIEW, "{}", headers)).path("status").path("userInfo");
    assertThat(info.path("uid").asString("")).isEqualTo("u-1");
    assertThat(info.path("extra").toString())
        .isEqualTo("{\"example.com/key\":[\"c\"],\"scopes\":[\"a\",\"b\"]}");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "alice | User=bob                                    | blue  | 200",
        "alice | User=bob                                    | red   | 200", // by builders
        "alice | User=bob                                    | green | 200",
        "alice | User=bob                                    | grey  | 403",
        "alice | User=bob, Group=other                       | red   | 403", // given groups only
        "alice | User=bob, Group=other                       | blue  | 200",
        "alice | User=bob, Group=viewers-of-red              | red   | 200",
        "alice | User=dave                                   | blue  | 403",
        "alice | User=dave, Group=builders                   | red   | 200",
        "alice | User=dave, Group=system:masters             | blue  | 403",
        "alice | User=unknown                                | green | 200",
        "alice | User=unknown                                | blue  | 403",
        "alice | User=system:serviceaccount:blue:default     | blue  | 200",
        "alice | User=system:serviceaccount:blue:default     | red   | 403",
        "alice | User=system:serviceaccount:blue:default, Group=x | blue | 403",
        "alice | User=system:anonymous                       | green | 403",
        "alice | User=system:anonymous, Group=x              | green | 403",
        "carol | User=bob                                    | blue  | 200",
        "carol | User=bob, Group=viewers-of-red              | red   | 200",
        "carol | User=eve                                    | blue  | 403",
        "carol | User=system:serviceaccount:blue:builder     | blue  | 200",
      })
  void onlyTheRightsOfTheImpersonatedCount(
      String caller, String headers, String namespace, int status) {
    Answered answered = client(caller).get(ApiClient.streams(namespace), headers(headers));
    assertThat(answered.status()).as(answered.text()).isEqualTo(status);
    Answered review =
        post(
            client(caller),
            ACCESS,
            """
            {"spec":{"resourceAttributes":{"namespace":"%s","verb":"list",
             "group":"image.openshift.io","resource":"imagestreams"}}}
            """
                .formatted(namespace),
            headers(headers));
    assertThat(json(review).path("status").path("allowed").asBoolean(false))
        .isEqualTo(status == 200);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "DELETE | User=dave | /apis/image.openshift.io/v1/namespaces/blue/imagestreams/app",
        "PATCH  | User=dave | /apis/image.openshift.io/v1/namespaces/blue/imagestreams/app",
        "DELETE | User=bob  | /apis/image.openshift.io/v1/namespaces/blue/imagestreams/app",
        "DELETE | User=bob, Group=system:masters | /api/v1/namespaces/grey",
        "POST   | User=bob  | /admin/prune",
        "POST   | User=bob  | /admin/add-role",
        "POST   | User=system:anonymous | /admin/prune",
        "GET    | User=bob  | /admin/who-can?verb=get&resource=imagestreams",
        "GET    | User=bob  | /metrics",
        "HEAD   | User=bob  | /metrics",
      })
  void aChangeIsRefusedThatTheCallerMayMakeAndTheImpersonatedMayNot(
      String method, String headers, String path) {
    String type = method.equals("PATCH") ? "application/merge-patch+json" : JSON;
    String body = "{\"metadata\":{\"annotations\":{\"by\":\"dave\"}}}";
    Answered answered = alice.send(method, path, type, body.getBytes(UTF_8), headers(headers));
    assertThat(answered.status()).as(answered.text()).isEqualTo(403);
    Answered stream = alice.get(ApiClient.streams("blue") + "/app");
    assertThat(stream.status()).isEqualTo(200);
    assertThat(stream.text()).doesNotContain("\"by\"");
  }

  @Test
  void aChangeIsMadeThatTheImpersonatedMayMake() {
    byte[] stream = STREAM.formatted("made").getBytes(UTF_8);
    String path = ApiClient.streams("blue");
    assertThat(dave.send("POST", path, JSON, stream).status()).isEqualTo(403);
    Answered made = carol.send("POST", path, JSON, stream, headers("User=bob"));
    assertThat(made.status()).as(made.text()).isEqualTo(201);
    assertThat(alice.get(path + "/made").status()).isEqualTo(200);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "carol | User=alice | users \"alice\" is forbidden: User \"carol\" cannot impersonate"
            + " resource \"users\" in API group \"\" at the cluster scope",
        "dave | User=bob | users \"bob\" is forbidden: User \"dave\" cannot impersonate"
            + " resource \"users\" in API group \"\" at the cluster scope",
        "dave | User=dave | users \"dave\" is forbidden: User \"dave\" cannot impersonate"
            + " resource \"users\" in API group \"\" at the cluster scope",
        "nobody | User=bob | users \"bob\" is forbidden: User \"system:anonymous\" cannot"
            + " impersonate resource \"users\" in API group \"\" at the cluster scope",
        "carol | User=bob, Group=builders | groups \"builders\" is forbidden: User \"carol\" cannot"
            + " impersonate resource \"groups\" in API group \"\" at the cluster scope",
        "carol | User=bob, Group=viewers-of-red, Group=x | groups \"x\" is forbidden: User"
            + " \"carol\" cannot impersonate resource \"groups\" in API group \"\" at the cluster"
            + " scope",
        "carol | User=bob, Group=system:masters | groups \"system:masters\" is forbidden: User"
            + " \"carol\" cannot impersonate resource \"groups\" in API group \"\" at the cluster"
            + " scope",
        "carol | User=bob, Uid=1 | uids.authentication.k8s.io \"1\" is forbidden: User \"carol\""
            + " cannot impersonate resource \"uids\" in API group \"authentication.k8s.io\" at the"
            + " cluster scope",
        "carol | User=bob, Extra-scopes=a, Extra-other=b | userextras.authentication.k8s.io \"b\""
            + " is forbidden: User \"carol\" cannot impersonate resource \"userextras/other\" in"
            + " API group \"authentication.k8s.io\" at the cluster scope",
        "carol | User=system:serviceaccount:red:default | serviceaccounts \"default\" is forbidden:"
            + " User \"carol\" cannot impersonate resource \"serviceaccounts\" in API group \"\" in"
            + " the namespace \"red\"",
        "bob | User=system:serviceaccount:blue:default | serviceaccounts \"default\" is forbidden:"
            + " User \"bob\" cannot impersonate resource \"serviceaccounts\" in API group \"\" in"
            + " the namespace \"blue\"",
      })
  void eachNameIsChecked(String caller, String headers, String text) {
    for (String path :
        List.of("/api", "/apis", "/version", "/openapi/v3", SELF, "/api/v1/nothing")) {
      Answered answered = client(caller).get(path, headers(headers));
      assertThat(answered.status()).as(path).isEqualTo(403);
      assertThat(json(answered).path("message").asString("")).as(path).isEqualTo(text);
      assertThat(json(answered).path("reason").asString("")).isEqualTo("Forbidden");
    }
    Answered admin = client(caller).get("/admin/why?ref=blue/app:v1", headers(headers));
    assertThat(admin.status()).isEqualTo(403);
    assertThat(json(admin).path("errors").path(0).path("message").asString("")).isEqualTo(text);
  }

  @Test
  void extraValuesAndServiceAccountsArePermittedByTheirRules() {
    assertThat(carol.get(SELF, headers("User=bob, Extra-scopes=a")).status()).isEqualTo(200);
    assertThat(carol.get(SELF, headers("User=system:serviceaccount:blue:x")).status())
        .isEqualTo(200);
    for (String name : List.of("bob", "alice")) {
      String question =
          """
          {"spec":{"resourceAttributes":{"verb":"impersonate","resource":"users","name":"%s"}}}
          """
              .formatted(name);
      JsonNode review = json(post(carol, ACCESS, question));
      assertThat(review.path("status").path("allowed").asBoolean(false))
          .isEqualTo(name.equals("bob"));
    }
  }

  @Test
  void aTokenForARepositoryActsAsNobodyElse() {
    Answered answered = alice.get("/token?service=cistern&scope=repository:blue/app:pull");
    String token = json(answered).path("token").asString("");
    try (TestClient limited = TestClient.with(server, token)) {
      Answered refused = limited.get(SELF, headers("User=bob"));
      assertThat(refused.status()).isEqualTo(403);
      assertThat(refused.text()).contains("cannot impersonate");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "Group=x",
        "Uid=1",
        "Extra-scopes=a",
        "User=, Group=x",
        "User=",
        "User=bob, User=alice",
        "User=bob, Uid=1, Uid=2",
        "User=bob, Group=",
        "User=bob, Other=x",
        "User=bob, Extra-=x",
        "User=bob, Extra-%zz=x",
        "=bob"
      })
  void headersThatCannotBeMeantAre400(String headers) throws IOException {
    for (String path : List.of("/api", SELF, "/admin/who-can?verb=get&resource=imagestreams")) {
      String[] pairs = headers(headers);
      var lines = new ArrayList<String>(List.of("GET " + path + " HTTP/1.1", "Host: localhost"));
      lines.add("Authorization: " + TokenService.basic(ALICE.user(), ALICE.password()));
      for (int i = 0; i < pairs.length; i += 2) {
        lines.add(pairs[i] + ": " + pairs[i + 1]);
      }
      try (RawConnection connection = RawConnection.to(server)) {
        connection.send(RawConnection.head(lines.toArray(String[]::new)));
        RawConnection.Reply reply = connection.reply();
        assertThat(reply.status()).as(path + reply.body()).isEqualTo(400);
        assertThat(reply.body()).contains("Impersonate");
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/v2/",
        "/v2/_catalog",
        "/v2/blue/app/manifests/v1",
        "/v2/blue/app/blobs/uploads/",
        "/token?service=cistern",
        "/openshift/token",
        "/oauth/authorize",
        "/healthz",
        "/readyz",
        "/unknown"
      })
  void elsewhereTheHeadersAreRefused(String path) {
    for (String method : List.of("GET", "HEAD", "POST", "PUT", "DELETE")) {
      for (String headers : List.of("User=bob", "Group=x", "Extra-scopes=a", "Other=x")) {
        Answered answered = alice.send(method, path, JSON, new byte[0], headers(headers));
        assertThat(answered.status()).as(method + " " + headers).isEqualTo(403);
      }
    }
  }

  @Test
  void answersFromMemoryAreNoException() {
    byte[] manifest = Samples.manifestOf(List.of());
    String path = "/v2/blue/hot/manifests/v1";
    byte[] config = "{}".getBytes(UTF_8);
    alice.pushBlob("blue/hot", config);
    assertThat(alice.putManifest(path, manifest).status()).isEqualTo(201);
    for (int i = 0; i < 3; i++) {
      assertThat(alice.get(path).status()).isEqualTo(200);
    }
    assertThat(alice.get(path, headers("User=bob")).status()).isEqualTo(403);
  }

  @Test
  void aServerWithoutUsersRefusesThem(@TempDir Path directory) {
    try (CisternServer open = CisternServer.start(directory);
        TestClient client = new TestClient(open)) {
      for (String path :
          List.of("/v2/", "/api", SELF, "/metrics", "/admin/why?ref=a/b:c", "/healthz")) {
        assertThat(client.get(path).status()).as(path).isLessThan(400);
        assertThat(client.get(path, headers("User=bob")).status()).as(path).isEqualTo(403);
        assertThat(client.get(path, headers("Group=bob")).status()).as(path).isEqualTo(403);
      }
    }
  }

  @Test
  void theLimitsAreThoseOfTheRealCaller(@TempDir Path directory) throws IOException {
    Path users = directory.resolve("users");
    ObjectFiles.replace(users, ALICE.line() + BOB.line());
    String path = ApiClient.streams("blue");
    try (CisternServer limited =
            new TestConfig(directory)
                .line("resources: [" + objects.directory() + "]")
                .line("access: {users: " + users + ", requestsPerUser: 1}")
                .start();
        TestClient real = ALICE.client(limited);
        TestClient other = BOB.client(limited);
        RawConnection watch = RawConnection.to(limited)) {
      watch.send(
          RawConnection.head(
              "GET " + path + "?watch=true&timeoutSeconds=3600 HTTP/1.1",
              "Host: localhost",
              "Authorization: " + TokenService.basic(ALICE.user(), ALICE.password()),
              "Impersonate-User: bob"));
      assertThat(watch.replyToHead().status()).isEqualTo(200);

      assertThat(real.get(SELF).status()).isEqualTo(429);
      assertThat(real.get(SELF, headers("User=bob")).status()).isEqualTo(429);
      assertThat(other.get(path).status()).isEqualTo(200);
    }
  }

  @Test
  void theHeadersOfAProxyAreNeverBelieved() {
    String[] headers = {"X-Remote-User", "alice", "X-Remote-Group", "system:masters"};
    assertThat(json(dave.get(SELF, headers)).path("metadata").path("name").asString(""))
        .isEqualTo("dave");
    assertThat(nobody.get(ApiClient.streams("blue"), headers).status()).isEqualTo(403);
  }

  @Test
  void aListThatIsReadSlowlyIsCutWhenTheRightIsGone() throws IOException {
    new ApiClient(alice).makeNamespace("slow");
    String path = ApiClient.streams("slow");
    String annotated = "\"annotations\":{\"long\":\"" + "x".repeat(250_000) + "\"},\"name\"";
    for (int i = 0; i < 40; i++) { // more than sockets take
      String body = STREAM.formatted("stream-" + (10 + i)).replace("\"name\"", annotated);
      assertThat(post(alice, path, body).status()).isEqualTo(201);
    }
    bind("slow", "registry-viewer", "User", "dave");
    await().until(() -> dave.get(path + "?limit=1").status() == 200);
    String basic = TokenService.basic(DAVE.user(), DAVE.password());
    try (RawConnection connection = RawConnection.to(server)) {
      connection.send(
          RawConnection.head(
              "GET " + path + " HTTP/1.1", "Host: localhost", "Authorization: " + basic));
      assertThat(connection.bytes(1)).isNotEmpty();

      objects.delete("slow-registry-viewer-dave.yaml");
      await().until(() -> dave.get(path + "?limit=1").status() == 403);

      assertThat(connection.readToEnd()).contains("stream-10").doesNotContain("stream-49");
    }
  }

  /** Carol watches as erin until one of the two loses a right. */
  @ParameterizedTest
  @ValueSource(strings = {"watched-registry-viewer-erin.yaml", "-acts-as-erin-carol.yaml"})
  void aWatchEndsWithTheRightsOfTheImpersonatedAndWithThePermissionToActAsThem(String right) {
    new ApiClient(alice).makeNamespace("watched");
    objects.put("erin.yaml", ROLE_OF_ERIN);
    bind("watched", "registry-viewer", "User", "erin");
    bind("", "acts-as-erin", "User", "carol");
    String path = ApiClient.streams("watched");
    String[] headers = headers("User=erin");
    await().until(() -> carol.get(path, headers).status() == 200);
    CompletableFuture<Answered> watch = carol.getLater(path + "?watch=true", headers);
    String name = right.replaceAll("[^a-z]", "");
    post(alice, path, STREAM.formatted("first" + name));

    objects.delete(right);
    await().until(() -> carol.get(path, headers).status() == 403);
    post(alice, path, STREAM.formatted("second" + name));

    assertThat(watch.join().text()).doesNotContain("second" + name);
  }

  @Test
  void auditAndAccessLogNameBoth() {
    byte[] stream = STREAM.formatted("audited").getBytes(UTF_8);
    String path = ApiClient.streams("blue");
    String[] headers = headers("User=bob, Group=viewers-of-red");
    assertThat(carol.send("POST", path, JSON, stream, headers).status()).isEqualTo(201);
    assertThat(carol.get(path, headers("User=frank")).status()).isEqualTo(403);

    await()
        .untilAsserted(() -> {
          assertThat(server.log())
              .anyMatch(line ->
                  line.contains("\"audit\":\"done\"")
                      && line.contains(
                          "\"user\":\"carol\",\"impersonatedUser\":\"bob\","
                              + "\"impersonatedGroups\":[\"viewers-of-red\"]")
                      && line.contains("created ImageStream blue/audited"))
              .anyMatch(line ->
                  line.contains("\"audit\":\"denied\"")
                      && line.contains("\"user\":\"carol\",\"impersonatedUser\":\"frank\""))
              .anyMatch(line ->
                  line.contains("user=\"carol\"")
                      && line.contains("impersonatedUser=\"bob\"")
                      && line.contains("impersonatedGroups=\"[viewers-of-red]\"")
                      && line.contains("status=\"201\""));
        });
  }
}
