package dev.cistern.conformance;

import static dev.cistern.conformance.Accounts.ALICE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.conformance.TestClient.Answered;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.json.JsonMapper;

/**
 * Tokens of an administrator of all that are for some repositories: they show nothing of others.
 */
class LimitedTokenTest {
  private static final Pattern TOKEN = Pattern.compile("\"token\":\"([^\"]+)\"");
  private static final byte[] BLOB = Samples.bytes(500, 7);
  private static final byte[] MANIFEST = Samples.manifestOf(List.of(BLOB));
  private static final List<String> REPOSITORIES = List.of("project/a", "project/b", "secret/c");

  private static CisternServer server;
  private static TestClient administrator;

  @BeforeAll
  static void start(@TempDir Path directory) {
    var objects = new ObjectFiles(directory.resolve("objects"));
    objects.put("alice.yaml", ObjectFiles.binding("", "cluster-admin", "User", ALICE.user()));
    Path users = directory.resolve("users");
    ObjectFiles.replace(users, ALICE.line());
    server =
        new TestConfig(directory)
            .line("resources: [" + objects.directory() + "]")
            .line("access: {users: " + users + ", anonymous: none}")
            .start();
    administrator = ALICE.client(server);
    for (String repository : REPOSITORIES) {
      assertThat(administrator.pushBlob(repository, BLOB).status()).isEqualTo(201);
      assertThat(
              administrator.putManifest("/v2/" + repository + "/manifests/v1", MANIFEST).status())
          .isEqualTo(201);
    }
  }

  @AfterAll
  static void stop() {
    administrator.close();
    server.close();
  }

  private static TestClient limitedTo(String scope) {
    Answered answered = administrator.get("/token?service=cistern&scope=" + scope);
    Matcher token = TOKEN.matcher(answered.text());
    assertThat(token.find()).as(answered.text()).isTrue();
    return TestClient.with(server, token.group(1));
  }

  @ParameterizedTest
  @CsvSource({
    "repository:project/a:pull, '\"project/a\"'",
    "repository:secret/c:pull, '\"secret/c\"'",
    "repository:project/a:push, ''",
    "repository:project/none:pull, ''",
    "repository:project/a:pull&scope=repository:secret/c:pull, '\"project/a\",\"secret/c\"'",
    "registry:catalog:*, '\"project/a\",\"project/b\",\"secret/c\"'",
    "registry:admin:*, '\"project/a\",\"project/b\",\"secret/c\"'",
    "registry:catalog:*&scope=repository:project/a:pull, "
        + "'\"project/a\",\"project/b\",\"secret/c\"'"
  })
  void theCatalogShowsWhatTheTokenIsFor(String scope, String names) {
    try (TestClient limited = limitedTo(scope)) {
      assertThat(limited.get("/v2/_catalog").text()).contains("\"repositories\":[" + names + "]");
      assertThat(limited.get("/v2/_catalog?n=1").text())
          .contains("\"repositories\":[" + names.split(",", -1)[0] + "]");
    }
  }

  @Test
  void withoutATokenTheCatalogShowsAllThatTheCallerMayPull() {
    assertThat(administrator.get("/v2/_catalog").text())
        .contains("\"project/a\",\"project/b\",\"secret/c\"");
  }

  @ParameterizedTest
  @CsvSource({
    "GET, /v2/project/b/tags/list, 401",
    "GET, /v2/project/b/manifests/v1, 401",
    "HEAD, /v2/project/b/manifests/v1, 401",
    "GET, /v2/project/b/blobs/{blob}, 401",
    "GET, /v2/project/b/referrers/{manifest}, 401",
    "GET, /v2/secret/c/tags/list, 401",
    "POST, /v2/project/a/blobs/uploads/?mount={blob}&from=project/b, 202",
    "POST, /v2/project/a/blobs/uploads/?mount={blob}&from=project/a, 201",
    "GET, /admin/why?ref=project/b:v1, 403",
    "GET, /metrics, 403",
    "GET, /admin/who-can?verb=get&resource=imagestreams, 403",
    "GET, /api/v1/namespaces, 403",
    "GET, /apis/image.openshift.io/v1/imagestreams, 403",
    "GET, /apis/image.openshift.io/v1/images/{manifest}, 403",
    "GET, /apis/project.openshift.io/v1/projects/secret, 403"
  })
  void nothingOfOthersIsReached(String method, String path, int status) {
    try (TestClient limited = limitedTo("repository:project/a:pull,push")) {
      Answered answered =
          limited.send(
              method,
              path.replace("{blob}", Samples.digest(BLOB))
                  .replace("{manifest}", Samples.digest(MANIFEST)),
              "application/octet-stream",
              new byte[0]);

      assertThat(answered.status()).as(answered::text).isEqualTo(status);
    }
  }

  @Test
  void noProjectIsListed() {
    try (TestClient limited = limitedTo("repository:project/a:pull,push")) {
      byte[] projects = limited.get("/apis/project.openshift.io/v1/projects").bytes();
      assertThat(JsonMapper.shared().readTree(projects).path("items").isEmpty()).isTrue();
    }
  }
}
