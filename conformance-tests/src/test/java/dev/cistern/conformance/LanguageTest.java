package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Keeps the words of docs/contributing/forbidden-words.txt out of the project's documents and
 * comments. The sentences of docs/contributing/allowed-words.txt are exceptions.
 */
class LanguageTest {
  private static final Path ROOT = Path.of("..");
  private static final Path RULES = ROOT.resolve("docs/contributing");
  private static final String SEPARATOR = " :: ";
  private static final Pattern FENCE = Pattern.compile(" *```.*");

  /** A line that does not continue the paragraph of the line before. */
  private static final Pattern BEGINNING = Pattern.compile("\\s*|\\s*([-*#|>]|\\d+\\.).*");

  /** Literals, which may contain what looks like a comment, and comments. */
  private static final Pattern LITERAL_OR_COMMENT =
      Pattern.compile(
          "\"\"\"(?s:.*?)(?<!\\\\)\"\"\"|\"(?:\\\\.|[^\"\\\\\\n])*+\"|'(?:\\\\.|[^'\\\\\\n])++'"
              + "|(?<comment>/\\*(?s:.*?)\\*/|//[^\\n]*(?:\\n\\s*//[^\\n]*)*+)");

  /** A kind of texts. */
  private enum Scope {
    D,
    J;

    List<Paragraph> texts() throws IOException {
      var texts = new ArrayList<Paragraph>();
      for (Path file : this == D ? documents() : sources()) {
        texts.addAll(this == D ? paragraphs(file) : comments(file));
      }
      return texts;
    }
  }

  /** A line of forbidden-words.txt. */
  record Rule(String scopes, Pattern words, String instead, String wrong, String right) {
    static Rule parse(String line) {
      String[] parts = line.split(SEPARATOR, -1);
      assertThat(parts).as(line).hasSize(5);
      return new Rule(parts[0], Pattern.compile(parts[1]), parts[2], parts[3], parts[4]);
    }

    @Override
    public String toString() {
      return words.pattern();
    }
  }

  /** A sentence that may break a rule, and the reason. */
  private record Exemption(String sentence, String reason) {
    static Exemption parse(String line) {
      String[] parts = line.split(SEPARATOR, -1);
      assertThat(parts).as(line).hasSize(2);
      return new Exemption(parts[0], parts[1]);
    }
  }

  /** A paragraph in one line, and the number of its first line. */
  private record Paragraph(Path file, int line, String text) {}

  private static Stream<Rule> rules() throws IOException {
    return lines("forbidden-words.txt").map(Rule::parse);
  }

  private static Stream<String> lines(String file) throws IOException {
    return Files.readAllLines(RULES.resolve(file)).stream()
        .filter(line -> !line.isBlank() && !line.startsWith("#"));
  }

  @ParameterizedTest
  @MethodSource("rules")
  void theSentencesOfARuleMatchAsItStates(Rule rule) {
    assertThat(rule.wrong()).containsPattern(rule.words());
    assertThat(rule.right()).doesNotContainPattern(rule.words());
  }

  @Test
  void documentsAndCommentsHaveNoForbiddenWords() throws IOException {
    List<Exemption> exemptions = lines("allowed-words.txt").map(Exemption::parse).toList();
    var matches = new ArrayList<String>();
    var used = new HashSet<Exemption>();
    for (Scope scope : Scope.values()) {
      List<Rule> rules = rules().filter(rule -> rule.scopes().contains(scope.name())).toList();
      for (Paragraph paragraph : scope.texts()) {
        String text = paragraph.text();
        for (Exemption exemption : exemptions) {
          if (text.contains(exemption.sentence())) {
            used.add(exemption);
            text = text.replace(exemption.sentence(), "");
          }
        }
        for (Rule rule : rules) {
          Matcher matcher = rule.words().matcher(text);
          while (matcher.find()) {
            matches.add(
                "%s:%d: \"%s\": write %s"
                    .formatted(
                        paragraph.file(), paragraph.line(), matcher.group(), rule.instead()));
          }
        }
      }
    }
    assertThat(matches).isEmpty();
    assertThat(exemptions).as("each is of use").allMatch(used::contains);
  }

  private static List<Path> sources() throws IOException {
    try (Stream<Path> files = Files.walk(ROOT)) {
      List<Path> sources =
          files
              .filter(file -> file.toString().contains("/src/main/java/"))
              .filter(file -> file.toString().endsWith(".java"))
              .sorted()
              .toList();
      assertThat(sources).hasSizeGreaterThan(300);
      return sources;
    }
  }

  /** Returns the comments of a source file, each in one line; javadoc begins with "/** ". */
  private static List<Paragraph> comments(Path file) throws IOException {
    var comments = new ArrayList<Paragraph>();
    String source = Files.readString(file);
    Matcher matcher = LITERAL_OR_COMMENT.matcher(source);
    while (matcher.find()) {
      if (matcher.group("comment") != null) {
        int line = 1 + (int) source.substring(0, matcher.start()).lines().count();
        String text =
            matcher.group().replaceAll("\\n\\s*(\\*(?!/)|//)", " ").replaceAll("\\s+", " ");
        comments.add(new Paragraph(file, line, text.replaceFirst("^// ?", "")));
      }
    }
    return comments;
  }

  private static List<Path> documents() throws IOException {
    try (Stream<Path> top = Files.list(ROOT);
        Stream<Path> docs = Files.walk(ROOT.resolve("docs"));
        Stream<Path> deploy = Files.walk(ROOT.resolve("deploy"))) {
      List<Path> documents =
          Stream.of(top, docs, deploy)
              .flatMap(files -> files)
              .filter(file -> file.toString().endsWith(".md"))
              .sorted()
              .toList();
      assertThat(documents).hasSizeGreaterThan(10);
      return documents;
    }
  }

  /** Returns the paragraphs, list items and table rows outside fenced code. */
  private static List<Paragraph> paragraphs(Path file) throws IOException {
    var paragraphs = new ArrayList<Paragraph>();
    var text = new StringBuilder();
    int begin = 1;
    boolean isCode = false;
    int number = 0;
    for (String line : Files.readAllLines(file)) {
      number++;
      boolean isFence = FENCE.matcher(line).matches();
      if (isFence || isCode || BEGINNING.matcher(line).matches()) {
        paragraphs.add(new Paragraph(file, begin, text.toString()));
        text.setLength(0);
        begin = number;
      }
      isCode ^= isFence;
      if (!isFence && !isCode) {
        text.append(text.isEmpty() ? "" : " ").append(line.strip());
      }
    }
    paragraphs.add(new Paragraph(file, begin, text.toString()));
    return paragraphs;
  }
}
