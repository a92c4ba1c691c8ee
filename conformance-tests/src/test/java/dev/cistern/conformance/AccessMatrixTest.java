package dev.cistern.conformance;

import static dev.cistern.conformance.Accounts.ALICE;
import static dev.cistern.conformance.Accounts.BOB;
import static dev.cistern.conformance.Accounts.CAROL;
import static dev.cistern.conformance.Accounts.DAVE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.conformance.TestClient.Answered;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * What each kind of caller is answered at each endpoint, as one table. A request that is refused
 * must have changed nothing. {@code MatrixTest} of the server holds that no endpoint is missing.
 */
class AccessMatrixTest {
  /**
   * The statuses for: nobody in particular without credentials, nobody with a token, one who may
   * pull in the repository's namespace, one who may push there, the administrator of another
   * namespace, the administrator of all, and a token of that administrator for another repository
   * of the namespace.
   */
  private static final String TABLE =
      """
      GET    /v2/                                          401 200 200 200 200 200 200
      HEAD   /v2/                                          401 200 200 200 200 200 200
      POST   /v2/                                          405 405 405 405 405 405 405
      PUT    /v2/                                          405 405 405 405 405 405 405
      PATCH  /v2/                                          405 405 405 405 405 405 405
      DELETE /v2/                                          405 405 405 405 405 405 405
      GET    /v2/_catalog                                  401 200 200 200 200 200 200
      HEAD   /v2/_catalog                                  401 200 200 200 200 200 200
      POST   /v2/_catalog                                  405 405 405 405 405 405 405
      PUT    /v2/_catalog                                  405 405 405 405 405 405 405
      PATCH  /v2/_catalog                                  405 405 405 405 405 405 405
      DELETE /v2/_catalog                                  405 405 405 405 405 405 405
      GET    /v2/{repository}/tags/list                    401 401 200 200 403 200 401
      HEAD   /v2/{repository}/tags/list                    401 401 200 200 403 200 401
      POST   /v2/{repository}/tags/list                    405 405 405 405 405 405 405
      PUT    /v2/{repository}/tags/list                    405 405 405 405 405 405 405
      PATCH  /v2/{repository}/tags/list                    405 405 405 405 405 405 405
      DELETE /v2/{repository}/tags/list                    405 405 405 405 405 405 405
      GET    /v2/{repository}/referrers/{manifest}         401 401 200 200 403 200 401
      HEAD   /v2/{repository}/referrers/{manifest}         401 401 200 200 403 200 401
      POST   /v2/{repository}/referrers/{manifest}         405 405 405 405 405 405 405
      PUT    /v2/{repository}/referrers/{manifest}         405 405 405 405 405 405 405
      PATCH  /v2/{repository}/referrers/{manifest}         405 405 405 405 405 405 405
      DELETE /v2/{repository}/referrers/{manifest}         405 405 405 405 405 405 405
      GET    /v2/{repository}/blobs/{blob}                 401 401 200 200 403 200 401
      HEAD   /v2/{repository}/blobs/{blob}                 401 401 200 200 403 200 401
      POST   /v2/{repository}/blobs/{blob}                 405 405 405 405 405 405 405
      PUT    /v2/{repository}/blobs/{blob}                 405 405 405 405 405 405 405
      PATCH  /v2/{repository}/blobs/{blob}                 405 405 405 405 405 405 405
      DELETE /v2/{repository}/blobs/{blob}                 401 401 403 403 403 202 401
      GET    /v2/{repository}/manifests/v1                 401 401 200 200 403 200 401
      HEAD   /v2/{repository}/manifests/v1                 401 401 200 200 403 200 401
      POST   /v2/{repository}/manifests/v1                 405 405 405 405 405 405 405
      PUT    /v2/{repository}/manifests/v1                 401 401 403 201 403 201 401
      PATCH  /v2/{repository}/manifests/v1                 405 405 405 405 405 405 405
      DELETE /v2/{repository}/manifests/v1                 401 401 403 403 403 202 401
      GET    /v2/{repository}/blobs/uploads/               405 405 405 405 405 405 405
      HEAD   /v2/{repository}/blobs/uploads/               405 405 405 405 405 405 405
      POST   /v2/{repository}/blobs/uploads/               401 401 403 202 403 202 401
      PUT    /v2/{repository}/blobs/uploads/               405 405 405 405 405 405 405
      PATCH  /v2/{repository}/blobs/uploads/               405 405 405 405 405 405 405
      DELETE /v2/{repository}/blobs/uploads/               405 405 405 405 405 405 405
      GET    /v2/{repository}/blobs/uploads/{session}      401 401 403 204 403 204 401
      HEAD   /v2/{repository}/blobs/uploads/{session}      401 401 403 204 403 204 401
      POST   /v2/{repository}/blobs/uploads/{session}      405 405 405 405 405 405 405
      PUT    /v2/{repository}/blobs/uploads/{session}      401 401 403 201 403 201 401
      PATCH  /v2/{repository}/blobs/uploads/{session}      401 401 403 202 403 202 401
      DELETE /v2/{repository}/blobs/uploads/{session}      401 401 403 204 403 204 401
      GET    /token                                        200 401 200 200 200 200 401
      HEAD   /token                                        405 405 405 405 405 405 405
      POST   /token                                        400 400 400 400 400 400 400
      PUT    /token                                        405 405 405 405 405 405 405
      GET    /openshift/token                              200 401 200 200 200 200 401
      HEAD   /openshift/token                              405 405 405 405 405 405 405
      POST   /openshift/token                              400 400 400 400 400 400 400
      PUT    /openshift/token                              405 405 405 405 405 405 405
      GET    /healthz                                      200 200 200 200 200 200 200
      HEAD   /healthz                                      200 200 200 200 200 200 200
      POST   /healthz                                      405 405 405 405 405 405 405
      PUT    /healthz                                      405 405 405 405 405 405 405
      GET    /readyz                                       200 200 200 200 200 200 200
      HEAD   /readyz                                       200 200 200 200 200 200 200
      POST   /readyz                                       405 405 405 405 405 405 405
      PUT    /readyz                                       405 405 405 405 405 405 405
      GET    /metrics                                      401 401 403 403 403 200 403
      HEAD   /metrics                                      401 401 403 403 403 200 403
      POST   /metrics                                      405 405 405 405 405 405 405
      PUT    /metrics                                      405 405 405 405 405 405 405
      GET    /admin/why?ref={repository}:v1                401 401 403 403 403 200 403
      POST   /admin/refresh                                401 401 403 403 403 200 403
      POST   /admin/pin                                    401 401 403 403 403 200 403
      POST   /admin/unpin                                  401 401 403 403 403 200 403
      POST   /admin/purge                                  401 401 403 403 403 409 403
      POST   /admin/preheat                                401 401 403 403 403 202 403
      GET    /admin/preheat?id=1                           401 401 403 403 403 200 403
      POST   /admin/prune                                  401 401 403 403 403 200 403
      POST   /admin/v1/fsck                                401 401 403 403 403 202 403
      GET    /admin/v1/fsck?id=1                           401 401 403 403 403 200 403
      DELETE /admin/blobs/{blob}                           401 401 403 403 403 409 403
      POST   /admin/add-role?namespace=project             401 401 403 403 403 400 403
      POST   /admin/remove-role                            401 401 403 403 403 400 403
      POST   /admin/token?namespace=project                401 401 403 403 403 400 403
      GET    /admin/who-can?verb=get&resource=imagestreams 401 401 403 403 403 200 403
      DELETE /admin/pin                                    401 401 403 403 403 404 403
      GET    /admin/undeclared                             401 401 403 403 403 404 403
      GET    /v2/{repository}/undeclared/v1                404 404 404 404 404 404 404
      DELETE /v2/{repository}/undeclared/v1                404 404 404 404 404 404 404
      GET    /v2/{repository}/tags/undeclared              404 404 404 404 404 404 404
      GET    /v2/{repository}/blobs/uploads/undeclared     404 404 404 404 404 404 404
      GET    /undeclared                                   404 404 404 404 404 404 404
      POST   /v1/search                                    404 404 404 404 404 404 404
      """;

  /** The same for the API of objects. */
  private static final String API =
      """
      GET    /api                                                                                            200 200 200 200 200 200 200
      GET    /apis                                                                                           200 200 200 200 200 200 200
      GET    /api/v1                                                                                         200 200 200 200 200 200 200
      GET    /apis/image.openshift.io                                                                        200 200 200 200 200 200 200
      GET    /apis/image.openshift.io/v1                                                                     200 200 200 200 200 200 200
      GET    /api/v1/namespaces                                                                              403 403 403 403 403 200 403
      GET    /api/v1/namespaces/project                                                                      403 403 403 403 403 200 403
      POST   /api/v1/namespaces                                                                              403 403 403 403 403 422 403
      DELETE /api/v1/namespaces/project                                                                      403 403 403 403 403 409 403
      GET    /api/v1/secrets                                                                                 403 403 403 403 403 200 403
      GET    /api/v1/namespaces/project/secrets                                                              403 403 403 403 403 200 403
      POST   /api/v1/namespaces/project/secrets                                                              403 403 403 403 403 422 403
      DELETE /api/v1/namespaces/project/secrets/none                                                         403 403 403 403 403 404 403
      GET    /api/v1/namespaces/project/serviceaccounts                                                      403 403 403 403 403 200 403
      POST   /api/v1/namespaces/project/serviceaccounts                                                      403 403 403 403 403 422 403
      POST   /api/v1/namespaces/project/serviceaccounts/default/token                                        403 403 403 403 403 201 403
      GET    /api/v1/namespaces/project/pods                                                                 403 403 403 403 403 200 403
      GET    /apis/project.openshift.io/v1/projects                                                          200 200 200 200 200 200 200
      POST   /apis/project.openshift.io/v1/projectrequests                                                   403 403 403 403 403 422 403
      GET    /apis/rbac.authorization.k8s.io/v1/clusterroles                                                 403 403 403 403 403 200 403
      GET    /apis/rbac.authorization.k8s.io/v1/clusterrolebindings                                          403 403 403 403 403 200 403
      POST   /apis/rbac.authorization.k8s.io/v1/clusterrolebindings                                          403 403 403 403 403 422 403
      GET    /apis/rbac.authorization.k8s.io/v1/namespaces/project/roles                                     403 403 403 403 403 200 403
      GET    /apis/rbac.authorization.k8s.io/v1/namespaces/project/rolebindings                              403 403 403 403 403 200 403
      POST   /apis/rbac.authorization.k8s.io/v1/namespaces/project/rolebindings                              403 403 403 403 403 422 403
      GET    /apis/user.openshift.io/v1/groups                                                               403 403 403 403 403 200 403
      GET    /apis/user.openshift.io/v1/users/~                                                              200 200 200 200 200 200 200
      GET    /apis/config.openshift.io/v1/imagedigestmirrorsets                                              403 403 403 403 403 200 403
      POST   /apis/config.openshift.io/v1/imagedigestmirrorsets                                              403 403 403 403 403 422 403
      GET    /apis/config.openshift.io/v1/imagetagmirrorsets                                                 403 403 403 403 403 200 403
      GET    /apis/operator.openshift.io/v1alpha1/imagecontentsourcepolicies                                 403 403 403 403 403 200 403
      GET    /apis/image.openshift.io/v1/images                                                              403 403 403 403 403 200 403
      GET    /apis/image.openshift.io/v1/images/{manifest}                                                   403 403 403 403 403 200 403
      DELETE /apis/image.openshift.io/v1/images/{manifest}                                                   403 403 403 403 403 409 403
      GET    /apis/image.openshift.io/v1/imagestreams                                                        403 403 403 403 403 200 403
      GET    /apis/image.openshift.io/v1/namespaces/project/imagestreams                                     403 403 403 403 403 200 403
      GET    /apis/image.openshift.io/v1/namespaces/project/imagestreams?watch=true&timeoutSeconds=1         403 403 403 403 403 200 403
      POST   /apis/image.openshift.io/v1/namespaces/project/imagestreams                                     403 403 403 403 403 422 403
      GET    /apis/image.openshift.io/v1/namespaces/project/imagestreams/app                                 403 403 403 403 403 200 403
      PUT    /apis/image.openshift.io/v1/namespaces/project/imagestreams/app                                 403 403 403 403 403 400 403
      PATCH  /apis/image.openshift.io/v1/namespaces/project/imagestreams/app                                 403 403 403 403 403 200 403
      DELETE /apis/image.openshift.io/v1/namespaces/project/imagestreams/none                                403 403 403 403 403 404 403
      GET    /apis/image.openshift.io/v1/namespaces/project/imagestreams/app/status                          405 405 405 405 405 405 405
      PUT    /apis/image.openshift.io/v1/namespaces/project/imagestreams/app/status                          403 403 403 403 403 400 403
      GET    /apis/image.openshift.io/v1/namespaces/project/imagestreamtags                                  403 403 403 403 403 200 403
      GET    /apis/image.openshift.io/v1/namespaces/project/imagestreamtags/app:v1                           403 403 403 403 403 200 403
      PUT    /apis/image.openshift.io/v1/namespaces/project/imagestreamtags/app:v1                           403 403 403 403 403 400 403
      DELETE /apis/image.openshift.io/v1/namespaces/project/imagestreamtags/app:none                         403 403 403 403 403 404 403
      GET    /apis/image.openshift.io/v1/namespaces/project/imagetags                                        403 403 403 403 403 200 403
      GET    /apis/image.openshift.io/v1/namespaces/project/imagestreamimages/app@{manifest}                 403 403 403 403 403 200 403
      POST   /apis/image.openshift.io/v1/namespaces/project/imagestreamimports                               403 403 403 403 403 422 403
      POST   /apis/authorization.k8s.io/v1/selfsubjectaccessreviews                                          201 201 201 201 201 201 201
      POST   /apis/authentication.k8s.io/v1/selfsubjectreviews                                               201 201 201 201 201 201 201
      POST   /apis/authorization.openshift.io/v1/resourceaccessreviews                                       403 403 403 403 403 201 403
      POST   /apis/authorization.openshift.io/v1/namespaces/project/localresourceaccessreviews               403 403 403 403 403 201 403
      GET    /apis/undeclared/v1/undeclared                                                                  404 404 404 404 404 404 404
      """;

  /** Of which there are only empty lists, all like {@code pods}. */
  private static final Set<String> WORKLOADS =
      Set.of(
          "replicationcontrollers",
          "limitranges",
          "daemonsets",
          "deployments",
          "replicasets",
          "statefulsets",
          "cronjobs",
          "jobs",
          "deploymentconfigs",
          "buildconfigs",
          "builds");

  private static final Pattern ROW = Pattern.compile("([A-Z]+) +(/\\S*)[ 0-9]*");
  private static final Pattern TOKEN = Pattern.compile("\"token\":\"([^\"]+)\"");
  private static final String REPOSITORY = "project/app";
  private static final String TAGGED = "/v2/" + REPOSITORY + "/manifests/v1";
  private static final String UPLOADS = "/v2/" + REPOSITORY + "/blobs/uploads/";
  private static final String SESSION = "{session}";
  private static final String BYTES = "application/octet-stream";

  /** An upload that was opened. */
  private record Session(String path, TestClient owner) {}

  @TempDir Path directory;

  private final byte[] blob = Samples.bytes(2_000, 5);
  private final byte[] config = "{}".getBytes(UTF_8);
  private final byte[] manifest = Samples.manifestOf(List.of(blob));
  private final byte[] another = Samples.manifestOf(List.of(blob, config));

  @SuppressWarnings("NullAway.Init")
  private CisternServer server;

  @SuppressWarnings("NullAway.Init")
  private TestClient administrator;

  @BeforeEach
  void start() {
    var objects = new ObjectFiles(directory.resolve("objects"));
    bind(objects, "", "cluster-admin", ALICE);
    bind(objects, "project", "system:image-puller", BOB);
    bind(objects, "project", "system:image-pusher", CAROL);
    bind(objects, "other", "registry-admin", DAVE);
    Path users = directory.resolve("users");
    ObjectFiles.replace(users, ALICE.line() + BOB.line() + CAROL.line() + DAVE.line());
    server =
        new TestConfig(directory)
            .line("resources: [" + objects.directory() + "]")
            .line("access: {users: " + users + ", anonymous: none}")
            .start();
    administrator = ALICE.client(server);
  }

  private static void bind(ObjectFiles objects, String namespace, String role, Accounts account) {
    objects.put(
        account.user() + ".yaml", ObjectFiles.binding(namespace, role, "User", account.user()));
  }

  @AfterEach
  void stop() {
    administrator.close();
    server.close();
  }

  @Test
  void eachCallerIsAnsweredAtEachEndpointAsTheTableSays() {
    assertAnswered(TABLE, 45);
  }

  @Test
  void eachCallerIsAnsweredByTheApiAsTheTableSays() {
    assertAnswered(API, 95);
  }

  /** The rule of each route for requests of web pages: all but the probes refuse them. */
  @Test
  void noEndpointIsForWebPages() {
    restore();
    Stream.of(TABLE, API)
        .flatMap(String::lines)
        .forEach(row -> {
          Matcher cells = ROW.matcher(row);
          assertThat(cells.matches()).as(row).isTrue();
          String method = cells.group(1);
          String path = target(cells.group(2).replace(SESSION, "0".repeat(32)));
          boolean isProbe = path.equals("/healthz") || path.equals("/readyz");
          for (String[] mark :
              List.of(
                  new String[] {"Origin", "https://evil.example"},
                  new String[] {"Sec-Fetch-Site", "same-origin"})) {
            Answered answered =
                administrator.send(method, path, type(method, path), body(method, path), mark);
            if (!isProbe) {
              assertThat(answered.status()).as(row).isEqualTo(403);
              assertUnchanged(row, Optional.empty());
            }
            assertThat(answered.header("Cross-Origin-Resource-Policy")).isEqualTo("same-origin");
            assertThat(answered.header("X-Content-Type-Options")).isEqualTo("nosniff");
          }
        });
  }

  private void assertAnswered(String table, int width) {
    restore();
    var nobody = new TestClient(server);
    List<TestClient> callers =
        List.of(
            nobody,
            TestClient.with(server, token(nobody)),
            BOB.client(server),
            CAROL.client(server),
            DAVE.client(server),
            ALICE.client(server),
            TestClient.with(server, limitedToken()));
    try {
      assertThat(table.lines().map(row -> answered(row, width, callers)).toList())
          .containsExactlyElementsOf(table.lines().toList());
    } finally {
      callers.forEach(TestClient::close);
    }
  }

  /** Returns the row as it is found to be. */
  private String answered(String row, int width, List<TestClient> callers) {
    Matcher cells = ROW.matcher(row);
    assertThat(cells.matches()).as(row).isTrue();
    var found =
        new StringBuilder(("%-6s %-" + width + "s").formatted(cells.group(1), cells.group(2)));
    for (TestClient caller : callers) {
      found.append(' ').append(status(cells.group(1), cells.group(2), caller));
    }
    return found.toString();
  }

  private int status(String method, String path, TestClient caller) {
    Optional<Session> session =
        path.contains(SESSION) ? Optional.of(session(caller)) : Optional.empty();
    String target = session.map(Session::path).orElseGet(() -> target(path));
    boolean isEnd = session.isPresent() && method.equals("PUT");
    int status =
        caller
            .send(
                method,
                isEnd ? target + "?digest=" + Samples.digest(blob) : target,
                type(method, path),
                body(method, path))
            .status();
    if (status >= 300) {
      assertUnchanged(method + " " + path, session);
    } else if (!method.equals("GET") && !method.equals("HEAD")) {
      restore();
    }
    return status;
  }

  /** Opens an upload: the caller's own, or, if he cannot, somebody else's. */
  private Session session(TestClient caller) {
    Answered own = caller.post(UPLOADS, BYTES, "");
    if (own.status() == 202) {
      return new Session(own.header("Location"), caller);
    }
    Answered other = administrator.post(UPLOADS, BYTES, "");
    assertThat(other.status()).isEqualTo(202);
    return new Session(other.header("Location"), administrator);
  }

  @Test
  void eachResourceOfTheApiIsInTheTable() {
    var plurals = new TreeSet<String>();
    for (String root : List.of("/api/v1", "/apis")) {
      JsonNode said = JsonMapper.shared().readTree(administrator.get(root).bytes());
      said.path("resources").forEach(one -> plurals.add(one.path("name").asString()));
      for (JsonNode group : said.path("groups")) {
        String version = group.path("preferredVersion").path("groupVersion").asString();
        JsonMapper.shared()
            .readTree(administrator.get("/apis/" + version).bytes())
            .path("resources")
            .forEach(one -> plurals.add(one.path("name").asString()));
      }
    }
    assertThat(plurals).hasSizeGreaterThan(20);
    List<String> missing =
        plurals.stream()
            .filter(plural -> !WORKLOADS.contains(plural))
            .filter(plural -> !API.contains("/" + plural.replace("/", "/app/")))
            .filter(plural -> !API.contains("/" + plural.replace("/", "/default/")))
            .toList();
    assertThat(missing).isEmpty();
  }

  private String target(String path) {
    return path.replace("{repository}", REPOSITORY)
        .replace("{blob}", Samples.digest(blob))
        .replace("{manifest}", Samples.digest(manifest));
  }

  private static String type(String method, String path) {
    if (path.startsWith("/admin/") || path.startsWith("/api")) {
      return method.equals("PATCH") ? "application/merge-patch+json" : "application/json";
    }
    return path.contains("/manifests/") ? Samples.IMAGE : BYTES;
  }

  private byte[] body(String method, String path) {
    if (!List.of("POST", "PUT", "PATCH").contains(method)) {
      return new byte[0];
    }
    if (path.startsWith("/admin/")) {
      String image = '"' + REPOSITORY + ":v1\"";
      return switch (path) {
        case "/admin/refresh", "/admin/pin", "/admin/unpin", "/admin/purge" ->
            ("{\"reference\":" + image + "}").getBytes(UTF_8);
        case "/admin/preheat" -> ("{\"references\":[" + image + "]}").getBytes(UTF_8);
        default -> "{}".getBytes(UTF_8);
      };
    }
    if (path.startsWith("/api")) {
      return "{}".getBytes(UTF_8);
    }
    if (path.contains("/manifests/")) {
      return another;
    }
    return path.contains(SESSION) ? blob : new byte[0];
  }

  private void assertUnchanged(String request, Optional<Session> session) {
    assertThat(administrator.get(TAGGED).bytes()).as(request).isEqualTo(manifest);
    assertThat(administrator.head(blobPath()).status()).as(request).isEqualTo(200);
    session.ifPresent(
        open -> assertThat(open.owner.get(open.path).status()).as(request).isEqualTo(204));
  }

  private void restore() {
    for (byte[] each : List.of(blob, config)) {
      assertThat(administrator.pushBlob(REPOSITORY, each).status()).isEqualTo(201);
    }
    assertThat(administrator.putManifest(TAGGED, manifest).status()).isEqualTo(201);
  }

  private String blobPath() {
    return "/v2/" + REPOSITORY + "/blobs/" + Samples.digest(blob);
  }

  private static String token(TestClient nobody) {
    return token(nobody, "project/app:pull");
  }

  /** Returns a token of the administrator of all that is for one repository, and not for ours. */
  private String limitedToken() {
    return token(administrator, "project/another:pull,push,delete");
  }

  private static String token(TestClient owner, String scope) {
    Answered answered = owner.get("/token?service=cistern&scope=repository:" + scope);
    Matcher token = TOKEN.matcher(answered.text());
    assertThat(token.find()).as(answered.text()).isTrue();
    return token.group(1);
  }
}
