package dev.cistern.server.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.oci.Digest;
import dev.cistern.oci.OciException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/**
 * Holds the table of {@code AccessMatrixTest}, which asks a running server: no endpoint and no
 * method is missing in it, and what is none is answered 404.
 */
class MatrixTest {
  private static final Path TABLE =
      Path.of("../conformance-tests/src/test/java/dev/cistern/conformance/AccessMatrixTest.java");
  private static final Path ADMIN = Path.of("src/main/java/dev/cistern/server/admin/Admin.java");
  private static final Pattern ROW =
      Pattern.compile("(?m)^ +([A-Z]+) +(/[^ ?]*)\\S* *((?: \\d{3}){7})$");
  private static final Pattern QUESTION = Pattern.compile("case \"([A-Z]+) ([\\w/-]+)\" ->");
  private static final Pattern OTHER_PATH = Pattern.compile(" = \"(/[a-z]+)\";");
  private static final Set<String> METHODS =
      Set.of("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE");

  /** A row of the table. */
  private record Row(String method, String path, String statuses) {}

  @Test
  void eachRouteIsThereWithEachMethod() throws IOException {
    var found = new TreeSet<String>();
    for (Row row : rows()) {
      if (row.path.startsWith("/v2/") && !row.path.contains("undeclared")) {
        found.add(row.method + " " + route(row).getClass().getSimpleName());
      }
    }
    var expected = new TreeSet<String>();
    for (Class<?> route : Route.class.getPermittedSubclasses()) {
      METHODS.forEach(method -> expected.add(method + " " + route.getSimpleName()));
    }
    assertThat(found).isEqualTo(expected);
  }

  @Test
  void eachQuestionOfTheAdministratorIsThere() throws IOException {
    List<String> requests = rows().stream().map(row -> row.method + " " + row.path).toList();
    String source = Files.readString(ADMIN);
    List<String> questions =
        results(QUESTION, source).stream()
            .map(found -> found.group(1) + " /admin/" + found.group(2))
            .toList();
    List<String> paths =
        results(OTHER_PATH, source).stream().map(found -> "GET " + found.group(1)).toList();

    assertThat(questions).hasSizeGreaterThan(6);
    assertThat(paths).contains("GET /metrics");
    assertThat(requests).containsAll(questions).containsAll(paths);
    assertThat(requests).contains("GET /token", "POST /token", "GET /openshift/token");
  }

  @Test
  void whatIsNotDeclaredIsNoEndpointForAnybody() throws IOException {
    List<Row> undeclared = rows().stream().filter(row -> row.path.contains("undeclared")).toList();

    assertThat(undeclared).hasSizeGreaterThan(4);
    for (Row row : undeclared) {
      if (row.path.startsWith("/v2/")) {
        assertThatThrownBy(() -> route(row)).as(row.path).isInstanceOf(OciException.class);
      }
      assertThat(row.statuses.split(" ", -1)).as(row.path).doesNotContain("200", "201", "202");
    }
  }

  private static Route route(Row row) {
    String digest = Digest.of(new byte[0]).toString();
    return Route.parse(
        row.path
            .replace("{repository}", "project/app")
            .replace("{blob}", digest)
            .replace("{manifest}", digest)
            .replace("{session}", "0".repeat(32)));
  }

  private static List<Row> rows() throws IOException {
    var rows = new ArrayList<Row>();
    for (MatchResult found : results(ROW, Files.readString(TABLE))) {
      rows.add(new Row(found.group(1), found.group(2), found.group(3)));
    }
    return rows;
  }

  private static List<MatchResult> results(Pattern pattern, String text) {
    return pattern.matcher(text).results().toList();
  }
}
