package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.conformance.ApiClient.Said;
import dev.cistern.conformance.TestClient.Answered;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;

/**
 * The query parameters of Kubernetes' API and the options of a DELETE: each is honored, harmless or
 * refused by name, and none is ignored silently. The headers that change who asks are those of
 * {@link ImpersonationTest}.
 */
class ApiParametersTest {
  private static final String JSON = "application/json";
  private static final String MERGE = "application/merge-patch+json";
  private static final String APPLY = "application/apply-patch+yaml";
  private static final String STREAMS = ApiClient.streams("team");
  private static final String APP = STREAMS + "/app";
  private static final String TAG = ApiClient.tags("team") + "/app:v1";
  private static final String STREAM =
      "{\"kind\":\"ImageStream\",\"apiVersion\":\"image.openshift.io/v1\","
          + "\"metadata\":{\"name\":\"%s\"}}";
  private static final String PATCH = "{\"metadata\":{\"annotations\":{\"a\":\"b\"}}}";

  /** Method, parameters, status, and what a refusal names. */
  private static final String TABLE =
      """
      GET    dryRun=All                                    400 the query parameter dryRun does not apply to get
      LIST   dryRun=All                                    400 the query parameter dryRun does not apply to list
      POST   dryRun=All                                    201
      POST   dryRun=all                                    400 dryRun: unsupported value "all": supported values: "All"
      POST   dryRun=                                       400 dryRun: unsupported value ""
      POST   dryRun=true                                   400 dryRun: unsupported value "true"
      POST   dryRun=All&dryRun=All                         201
      POST   dryRun=All&dryRun=None                        400 dryRun: unsupported value "None"
      PUT    dryRun=None                                   400 dryRun: unsupported value "None"
      PATCH  dryRun=None                                   400 dryRun: unsupported value "None"
      APPLY  dryRun=None                                   400 dryRun: unsupported value "None"
      DELETE dryRun=None                                   400 dryRun: unsupported value "None"
      DELETE dryRun=All                                    200
      POST   dryrun=All                                    400 unknown query parameter "dryrun"
      DELETE dry-run=All                                   400 unknown query parameter "dry-run"
      DELETE cascade=true                                  400 unknown query parameter "cascade"
      POST   fieldManager=kubectl&dryRun=All               201
      PATCH  fieldManager=%07                              400 fieldManager: unsupported value "\\u0007"
      DELETE fieldManager=kubectl                          400 the query parameter fieldManager does not apply to delete
      POST   fieldValidation=Strict&dryRun=All             201
      POST   fieldValidation=Warn&dryRun=All               201
      POST   fieldValidation=Ignore&dryRun=All             201
      POST   fieldValidation=strict                        400 fieldValidation: unsupported value "strict"
      GET    fieldValidation=Strict                        400 the query parameter fieldValidation does not apply to get
      APPLY  force=true&dryRun=All                         200
      APPLY  force=yes                                     400 force: unsupported value "yes"
      PATCH  force=true                                    400 the query parameter force does not apply to patch
      DELETE force=true                                    400 the query parameter force does not apply to delete
      DELETE propagationPolicy=Background&dryRun=All       200
      DELETE propagationPolicy=Foreground&dryRun=All       200
      DELETE propagationPolicy=Orphan&dryRun=All           200
      DELETE propagationPolicy=background                  400 propagationPolicy: unsupported value "background"
      PATCH  propagationPolicy=Orphan                      400 the query parameter propagationPolicy does not apply to patch
      DELETE orphanDependents=false&dryRun=All             200
      DELETE orphanDependents=maybe                        400 orphanDependents: unsupported value "maybe"
      DELETE gracePeriodSeconds=0&dryRun=All               200
      DELETE gracePeriodSeconds=30&dryRun=All              200
      DELETE gracePeriodSeconds=-1                         400 gracePeriodSeconds: unsupported value "-1": a number is expected
      DELETE gracePeriodSeconds=soon                       400 gracePeriodSeconds: unsupported value "soon"
      GET    gracePeriodSeconds=0                          400 the query parameter gracePeriodSeconds does not apply to get
      DELETE ignoreStoreReadErrorWithClusterBreakingPotential=false&dryRun=All 200
      DELETE ignoreStoreReadErrorWithClusterBreakingPotential=true 400 ignoreStoreReadErrorWithClusterBreakingPotential: unsupported value "true"
      GET    resourceVersion=0                             200
      GET    resourceVersion=                              200
      GET    resourceVersion=1                             200
      GET    resourceVersion=99999999                      410 too large resource version: 99999999
      GET    resourceVersion=x                             400 resourceVersion: unsupported value "x"
      LIST   resourceVersion=0                             200
      LIST   resourceVersion=1                             200
      LIST   resourceVersion=99999999                      410 too large resource version: 99999999
      LIST   resourceVersion=-1                            400 resourceVersion: unsupported value "-1"
      WATCH  resourceVersion=99999999                      410 too large resource version: 99999999
      PATCH  resourceVersion=1                             400 the query parameter resourceVersion does not apply to patch
      DELETE resourceVersion=1                             400 the query parameter resourceVersion does not apply to delete
      LIST   resourceVersion=1&resourceVersionMatch=NotOlderThan 200
      LIST   resourceVersion=1&resourceVersionMatch=Exact  410 The provided resource version is too old
      LIST   resourceVersion=99999999&resourceVersionMatch=Exact 410 too large resource version
      LIST   resourceVersion=0&resourceVersionMatch=Exact  400 resourceVersionMatch "Exact" is forbidden for resourceVersion "0"
      LIST   resourceVersionMatch=Exact                    400 resourceVersionMatch is forbidden unless resourceVersion is provided
      LIST   resourceVersion=1&resourceVersionMatch=Newest 400 resourceVersionMatch: unsupported value "Newest"
      WATCH  resourceVersion=0&resourceVersionMatch=Exact  400 resourceVersionMatch is forbidden for watch
      GET    resourceVersion=1&resourceVersionMatch=Exact  400 the query parameter resourceVersionMatch does not apply to get
      LIST   labelSelector=a%3Db                           200
      LIST   labelSelector=                                200
      LIST   labelSelector=a%3D%3D%3Db                     400 unable to parse requirement
      LIST   labelSelector=a%3Db&labelSelector=c%3Dd       400 labelSelector: different values
      GET    labelSelector=a%3Db                           400 the query parameter labelSelector does not apply to get
      DELETE labelSelector=a%3Db                           400 the query parameter labelSelector does not apply to delete
      PATCH  labelSelector=a%3Db                           400 the query parameter labelSelector does not apply to patch
      LIST   fieldSelector=metadata.name%3Dapp             200
      LIST   fieldSelector=spec.x%3D1                      400 field label not supported: spec.x
      WATCH  fieldSelector=status.phase%3DActive           400 field label not supported: status.phase
      LIST   fieldSelector=metadata.name                   400 invalid field selector
      DELETE fieldSelector=metadata.name%3Dother           400 the query parameter fieldSelector does not apply to delete
      LIST   limit=500                                     200
      LIST   limit=0                                       200
      LIST   limit=-1                                      400 limit: unsupported value "-1"
      LIST   limit=                                        400 limit: unsupported value ""
      LIST   limit=many                                    400 limit: unsupported value "many"
      GET    limit=1                                       400 the query parameter limit does not apply to get
      LIST   continue=x                                    400 continue
      WATCH  continue=x                                    400 the query parameter continue does not apply to watch
      LIST   watch=false                                   200
      LIST   watch=0                                       200
      LIST   watch=yes                                     400 watch: unsupported value "yes"
      LIST   watch=                                        400 watch: unsupported value ""
      LIST   watch=True                                    400 watch: unsupported value "True"
      LIST   watch=false&watch=true                        400 watch: different values
      GET    watch=true                                    400 the query parameter watch does not apply to get
      DELETE watch=true                                    400 the query parameter watch does not apply to delete
      WATCH  allowWatchBookmarks=true                      200
      WATCH  allowWatchBookmarks=x                         400 allowWatchBookmarks: unsupported value "x"
      WATCH  sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true 422 sendInitialEvents is forbidden for watch
      WATCH  sendInitialEvents=x                           400 sendInitialEvents: unsupported value "x"
      LIST   sendInitialEvents=true                        400 the query parameter sendInitialEvents does not apply to list
      LIST   timeoutSeconds=10                             200
      WATCH  timeoutSeconds=-5                             400 timeoutSeconds: unsupported value "-5"
      DELETE timeoutSeconds=5                              400 the query parameter timeoutSeconds does not apply to delete
      LIST   timeout=32s                                   200
      GET    timeout=1m30s                                 200
      DELETE timeout=soon                                  400 timeout: unsupported value "soon"
      LIST   includeObject=Object                          200
      LIST   includeObject=All                             400 includeObject: unsupported value "All"
      GET    pretty=true                                   200
      GET    pretty=very                                   400 pretty: unsupported value "very"
      PUT    unknown=1                                     400 unknown query parameter "unknown"
      APPLY  unknown=1                                     400 unknown query parameter "unknown"
      """;

  private static final Pattern ROW = Pattern.compile("([A-Z]+) +(\\S+) +(\\d{3})(?: (.*))?");

  private static CisternServer server;
  private static TestClient client;
  private static ApiClient api;

  @BeforeAll
  static void start(@TempDir Path directory) {
    server = CisternServer.start(directory);
    client = new TestClient(server);
    api = new ApiClient(client);
    api.makeNamespace("team");
  }

  @AfterAll
  static void stop() {
    client.close();
    server.close();
  }

  @BeforeEach
  void makeStream() {
    api.post(STREAMS, STREAM.formatted("app"));
    client.pushBlob("team/app", "{}".getBytes(UTF_8));
    byte[] image = Samples.manifestOf(List.of());
    assertThat(client.putManifest("/v2/team/app/manifests/v1", image).status()).isEqualTo(201);
  }

  static Stream<String> rows() {
    return TABLE.lines();
  }

  @ParameterizedTest
  @MethodSource("rows")
  void eachParameterIsHonoredHarmlessOrRefused(String row) {
    Matcher cells = ROW.matcher(row);
    assertThat(cells.matches()).as(row).isTrue();
    String before = api.get(APP).json().toString();
    long streams = count();

    Answered answered = sent(cells.group(1), cells.group(2));

    assertThat(answered.status()).as(answered.text()).isEqualTo(Integer.parseInt(cells.group(3)));
    if (cells.group(4) != null) {
      String message = ApiClient.said(answered).message();
      assertThat(message).contains(cells.group(4));
    }
    assertThat(api.get(APP).json().toString()).as("refused or tried").isEqualTo(before);
    assertThat(count()).isEqualTo(streams);
  }

  private static long count() {
    return api.get(STREAMS).json().path("items").size();
  }

  private static Answered sent(String method, String parameters) {
    return switch (method) {
      case "GET" -> client.get(APP + "?" + parameters);
      case "LIST" -> client.get(STREAMS + "?" + parameters);
      case "WATCH" -> {
        boolean isTimed = parameters.contains("timeoutSeconds");
        yield client.get(
            STREAMS + "?watch=true&" + parameters + (isTimed ? "" : "&timeoutSeconds=1"));
      }
      case "POST" -> send("POST", STREAMS, parameters, JSON, STREAM.formatted("other"));
      case "PUT" -> send("PUT", APP, parameters, JSON, STREAM.formatted("app"));
      case "PATCH" -> send("PATCH", APP, parameters, MERGE, PATCH);
      case "APPLY" -> send("PATCH", APP, parameters, APPLY, STREAM.formatted("app"));
      default -> send("DELETE", APP, parameters, JSON, "");
    };
  }

  private static Answered send(
      String method, String path, String parameters, String type, String body) {
    return client.send(method, path + "?" + parameters, type, body.getBytes(UTF_8));
  }

  /** The list of the specification, in the words of Kubernetes. */
  @Test
  void noParameterIsMissingInTheTable() {
    var rows = new TreeSet<String>();
    Pattern.compile("[ &](\\w+)=").matcher(TABLE).results().forEach(key -> rows.add(key.group(1)));
    assertThat(rows)
        .containsAll(
            Set.of(
                "dryRun",
                "fieldManager",
                "fieldValidation",
                "force",
                "propagationPolicy",
                "orphanDependents",
                "gracePeriodSeconds",
                "ignoreStoreReadErrorWithClusterBreakingPotential",
                "resourceVersion",
                "resourceVersionMatch",
                "labelSelector",
                "fieldSelector",
                "limit",
                "continue",
                "watch",
                "sendInitialEvents",
                "allowWatchBookmarks",
                "timeoutSeconds",
                "timeout",
                "includeObject",
                "pretty"));
  }

  @Test
  void anUnknownParameterOfARequestThatReadsIsAWarning() {
    for (String path : List.of(APP, STREAMS)) {
      Answered answered = client.get(path + "?labelselector=a%3Db&pretty=true");
      assertThat(answered.status()).isEqualTo(200);
      assertThat(answered.header("Warning"))
          .isEqualTo("299 - \"unknown query parameter \\\"labelselector\\\"\"");
    }
    assertThat(client.get(APP).header("Warning")).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{}                                                            | 200 |",
        "{'kind':'DeleteOptions','apiVersion':'v1'}                    | 200 |",
        "{'kind':'DeleteOptions','apiVersion':'image.openshift.io/v1'} | 200 |",
        "{'kind':'ImageStream','apiVersion':'v1'} | 400 | kind: \"DeleteOptions\" is expected",
        "{'dryRun':['All']}                       | 200 |",
        "{'dryRun':null}                          | 200 |",
        "{'dryRun':[]}                            | 200 |",
        "{'dryRun':['all']}                       | 400 | dryRun: supported values: [\"All\"]",
        "{'dryRun':'All'}                         | 400 | dryRun: supported values: [\"All\"]",
        "{'dryRun':true}                          | 400 | dryRun: supported values: [\"All\"]",
        "{'dryRun':['All',null]}                  | 400 | dryRun: supported values: [\"All\"]",
        "{'dryrun':['All']}                       | 400 | DeleteOptions: unknown field \"dryrun\"",
        "{'gracePeriodSeconds':0}                 | 200 |",
        "{'gracePeriodSeconds':-1}                | 400 | gracePeriodSeconds: a number from 0",
        "{'gracePeriodSeconds':1.5}               | 400 | gracePeriodSeconds: a number from 0",
        "{'gracePeriodSeconds':'0'}               | 400 | gracePeriodSeconds: a number from 0",
        "{'propagationPolicy':'Foreground'}       | 200 |",
        "{'propagationPolicy':'None'}             | 400 | propagationPolicy: supported values",
        "{'orphanDependents':true}                | 200 |",
        "{'orphanDependents':'true'}              | 400 | orphanDependents: true or false",
        "{'orphanDependents':true,'propagationPolicy':'Orphan'} | 400 | cannot both be set",
        "{'ignoreStoreReadErrorWithClusterBreakingPotential':true} | 400 | supported values: false",
        "{'preconditions':{}}                     | 200 |",
        "{'preconditions':'uid'}                  | 400 | preconditions: an object is expected",
        "{'preconditions':{'uid':5}}              | 400 | preconditions.uid: a string is expected",
        "{'preconditions':{'resourceversion':'1'}} | 400 | unknown field \"preconditions.resourceversion\"",
        "{'preconditions':{'uid':'other'}}        | 409 |",
        "{'preconditions':{'resourceVersion':'1'}} | 409 |",
        "{'labelSelector':'a=b'}                  | 400 | DeleteOptions: unknown field",
        "[]                                       | 400 | the body is no JSON object",
      })
  void eachOptionOfADeleteIsHonoredHarmlessOrRefused(
      String options, int status, @Nullable String text) {
    for (String path : List.of(APP, TAG)) {
      makeStream();
      Said said = api.send("DELETE", path, JSON, options);
      assertThat(said.status()).as(path + said.message()).isEqualTo(status);
      assertThat(said.message()).contains(text == null ? "" : text);
      boolean isGone = status == 200 && !options.contains("'All'");
      assertThat(api.get(path).status()).as(path).isEqualTo(isGone ? 404 : 200);
    }
  }

  @Test
  void thePreconditionsOfATagAreThoseOfItsStream() {
    JsonNode metadata = api.get(APP).json().path("metadata");
    String options =
        "{'preconditions':{'uid':'%s','resourceVersion':'%s'}}"
            .formatted(
                metadata.path("uid").asString(""), metadata.path("resourceVersion").asString(""));
    assertThat(api.send("DELETE", TAG, JSON, options).status()).isEqualTo(200);
    assertThat(api.get(TAG).status()).isEqualTo(404);
  }

  /** Tokens need users; without, nothing can be tried either. */
  @Test
  void aTrialMakesNoToken(@TempDir Path directory) {
    Path users = directory.resolve("users");
    ObjectFiles.replace(users, Accounts.ALICE.line());
    var objects = new ObjectFiles(directory.resolve("objects"));
    objects.put("alice.yaml", ObjectFiles.binding("", "cluster-admin", "User", "alice"));
    try (CisternServer closed =
            new TestConfig(directory)
                .line("resources: [" + objects.directory() + "]")
                .line("access: {users: " + users + "}")
                .start();
        var alice = new ApiClient(Accounts.ALICE.client(closed))) {
      alice.makeNamespace("team");
      String path = "/api/v1/namespaces/team/serviceaccounts/default/token";
      assertThat(token(alice.post(path, "{}"))).isNotEmpty();
      assertThat(token(alice.post(path + "?dryRun=All", "{}"))).isEmpty();
    }
  }

  private static String token(Said said) {
    assertThat(said.status()).as(said.message()).isEqualTo(201);
    return said.json().path("status").path("token").asString("");
  }
}
