package dev.cistern.conformance;

import static dev.cistern.conformance.RegistryClient.assertError;
import static dev.cistern.conformance.RegistryClient.header;
import static dev.cistern.conformance.RegistryClient.json;
import static dev.cistern.conformance.RegistryClient.sha256;
import static dev.cistern.conformance.RegistryClient.text;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** Lists are in the order of bytes: digits, capitals, underscore, small letters. */
class ListTest {
  private static final Pattern NEXT = Pattern.compile("<([^>]+)>; *rel=\"next\"");
  private static final List<String> TAGS =
      List.of("0", "10", "9", "A", "B", "_x", "a", "a-1", "a.1", "aa", "b");
  private static final List<String> REPOSITORIES =
      List.of("list", "list-a", "list.a", "list/0", "list/a", "list/a/b", "list_a", "lista");

  @AutoClose private static CisternServer server;
  @AutoClose private static RegistryClient registry;

  @BeforeAll
  static void start(@TempDir Path data) {
    server = CisternServer.start(data);
    registry = new RegistryClient(server);
    for (String tag : TAGS.reversed()) {
      push("list", tag);
    }
    for (String repository : REPOSITORIES.reversed()) {
      push(repository, "b");
    }
  }

  private static void push(String repository, String tag) {
    registry.pushManifest(repository, tag, ManifestText.OCI_IMAGE, ManifestText.image(""));
  }

  @Test
  void allTagsInTheOrderOfBytes() {
    HttpResponse<byte[]> reply = registry.get("/v2/list/tags/list");

    assertThat(reply.statusCode()).isEqualTo(200);
    assertThat(header(reply, "Content-Type")).isEqualTo("application/json");
    assertThat(json(reply).path("name").asString()).isEqualTo("list");
    assertThat(names(reply, "tags")).isEqualTo(TAGS);
    assertThat(header(reply, "Link")).isEmpty();
  }

  @Test
  void allRepositoriesInTheOrderOfBytes() {
    HttpResponse<byte[]> reply = registry.get("/v2/_catalog");

    assertThat(names(reply, "repositories")).isEqualTo(REPOSITORIES);
    assertThat(header(reply, "Link")).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({"1, false", "3, false", "10, false", "11, true", "12, true", "10000, true"})
  void aPageHasAsManyAsAreAskedForAndLinksToTheNext(int n, boolean isAll) {
    HttpResponse<byte[]> reply = registry.get("/v2/list/tags/list?n=" + n);

    assertThat(names(reply, "tags")).isEqualTo(TAGS.subList(0, Math.min(n, TAGS.size())));
    assertThat(next(reply).isEmpty()).isEqualTo(isAll);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 8, 11})
  void theLinksLeadThroughAll(int n) {
    assertThat(allPages("/v2/list/tags/list?n=" + n, "tags")).isEqualTo(TAGS);
    assertThat(allPages("/v2/_catalog?n=" + n, "repositories")).isEqualTo(REPOSITORIES);
  }

  @Test
  void aPageBeginsAfterTheLastWhetherThatIsThereOrNot() {
    assertThat(names(registry.get("/v2/list/tags/list?last=a"), "tags"))
        .containsExactly("a-1", "a.1", "aa", "b");
    assertThat(names(registry.get("/v2/list/tags/list?last=a-0&n=2"), "tags"))
        .containsExactly("a-1", "a.1");
    assertThat(names(registry.get("/v2/list/tags/list?last=zzz"), "tags")).isEmpty();
    assertThat(names(registry.get("/v2/_catalog?last=list/a&n=2"), "repositories"))
        .containsExactly("list/a/b", "list_a");
    assertThat(names(registry.get("/v2/_catalog?last=zzz"), "repositories")).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"/v2/list/tags/list", "/v2/_catalog"})
  void noneAreAskedForNoneCome(String path) {
    HttpResponse<byte[]> reply = registry.get(path + "?n=0");

    assertThat(reply.statusCode()).isEqualTo(200);
    assertThat(json(reply).path(path.endsWith("list") ? "tags" : "repositories").isArray())
        .isTrue();
    assertThat(text(reply)).contains("[]");
    assertThat(header(reply, "Link")).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"2147483647", "2147483648", "9223372036854775808"})
  void tooManyAreClampedToAll(String n) {
    assertThat(names(registry.get("/v2/list/tags/list?n=" + n), "tags")).isEqualTo(TAGS);
    assertThat(names(registry.get("/v2/_catalog?n=" + n), "repositories")).isEqualTo(REPOSITORIES);
  }

  @ParameterizedTest
  @ValueSource(strings = {"-1", "text", "1.5", "0x10", "", "%D9%A1"})
  void whatIsNoNumberIsRefused(String n) {
    String subject = "/v2/list/referrers/" + ManifestText.EMPTY;
    for (String path : List.of("/v2/list/tags/list", "/v2/_catalog", subject)) {
      assertError(registry.get(path + "?n=" + n), 400, "PAGINATION_NUMBER_INVALID");
    }
  }

  @Test
  void anUnknownRepositoryHasNoTags() {
    assertError(registry.get("/v2/list/unknown/tags/list"), 404, "NAME_UNKNOWN");
  }

  @Test
  void aRepositoryWithoutTagsHasAnEmptyList() {
    String json = ManifestText.image(ManifestText.field("note", "untagged"));
    String digest = sha256(json.getBytes(UTF_8));
    registry.pushManifest("untagged", digest, ManifestText.OCI_IMAGE, json);

    HttpResponse<byte[]> reply = registry.get("/v2/untagged/tags/list");

    assertThat(reply.statusCode()).isEqualTo(200);
    assertThat(names(reply, "tags")).isEmpty();
    registry.delete("/v2/untagged/manifests/" + digest);
  }

  /** Returns the address of the page after this one, empty after the last. */
  static String next(HttpResponse<byte[]> page) {
    Matcher link = NEXT.matcher(header(page, "Link"));
    return link.matches() ? link.group(1) : "";
  }

  private static List<String> allPages(String first, String field) {
    var all = new ArrayList<String>();
    for (String next = first; !next.isEmpty(); ) {
      HttpResponse<byte[]> page = registry.get(next);
      all.addAll(names(page, field));
      next = next(page);
    }
    return all;
  }

  private static List<String> names(HttpResponse<byte[]> reply, String field) {
    assertThat(reply.statusCode()).isEqualTo(200);
    return json(reply).path(field).valueStream().map(JsonNode::asString).toList();
  }
}
