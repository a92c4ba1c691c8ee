package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Holds docs/promises.md, docs/rules.md and docs/security.md: each promise and each rule names a
 * test that is there, and the command that runs it.
 */
class PromisesTest {
  private static final Path ROOT = Path.of("..");

  /** R45 comes with the format that changes the keys of objects. */
  private static final int LAST_RULE = 44;

  private static final Pattern ROW = Pattern.compile("(?m)^\\| (?!promise )(?!rule )(?!-)(.+)\\|$");
  private static final Pattern CELLS =
      Pattern.compile("(.+?) \\| ([A-Z]\\w+)(?:\\.(\\w+))? \\| `\\./cistern test -Dtest=(\\S+)` ");

  @ParameterizedTest
  @ValueSource(strings = {"promises.md", "rules.md", "security.md"})
  void eachPromiseAndEachRuleHasItsTest(String document) throws IOException {
    String text = Files.readString(ROOT.resolve("docs").resolve(document));
    List<String> rows = ROW.matcher(text).results().map(row -> row.group(1)).toList();

    assertThat(rows).hasSizeGreaterThan(60).allSatisfy(PromisesTest::assertHeld);
  }

  @Test
  void eachRuleOfRobustnessHasARow() throws IOException {
    String text = Files.readString(ROOT.resolve("docs").resolve("security.md"));

    assertThat(IntStream.rangeClosed(1, LAST_RULE).boxed())
        .allSatisfy(rule -> assertThat(text).contains("\n| R" + rule + ": "));
  }

  private static void assertHeld(String row) throws IOException {
    MatchResult cells = CELLS.matcher(row).results().findFirst().orElseThrow();
    String method = cells.group(3);
    String name = cells.group(2) + (method == null ? "" : "#" + method);
    assertThat(cells.group(4)).isEqualTo(name);
    assertThat(Files.readString(file(cells.group(2))))
        .as(row)
        .contains(method == null ? "  void " : "  void " + method + "(");
  }

  private static Path file(String test) throws IOException {
    try (Stream<Path> files = Files.walk(ROOT, 12)) {
      return files
          .filter(file -> file.endsWith(test + ".java") && !file.toString().contains("/target/"))
          .findFirst()
          .orElseThrow(() -> new AssertionError("no test " + test));
    }
  }
}
