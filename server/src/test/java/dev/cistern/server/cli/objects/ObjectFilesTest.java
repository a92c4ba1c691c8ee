package dev.cistern.server.cli.objects;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.server.objects.Meta;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ObjectFilesTest {
  @TempDir Path directory;

  @Test
  void documentsAndListsAreReadOneAfterAnother() throws IOException {
    String text =
        """
        {apiVersion: v1, kind: Namespace, metadata: {name: a}}
        ---
        # nothing
        ---
        apiVersion: v1
        kind: List
        items:
        - {apiVersion: v1, kind: Namespace, metadata: {name: b}}
        """;
    assertThat(names(ObjectFiles.read("-", in(text)))).containsExactly("a", "b");
  }

  @Test
  void charactersOfTwoUnitsAreReadWhereverTheyLie() throws IOException {
    for (int i = 900; i < 1_100; i++) {
      String text = "# " + "x".repeat(i) + "\uD83D\uDC33\n" + object("a");
      assertThat(names(ObjectFiles.read("-", in(text)))).containsExactly("a");
    }
  }

  @Test
  void ofADirectoryItsFilesAreRead() throws IOException {
    Files.writeString(directory.resolve("b.yml"), object("b"));
    Files.writeString(
        directory.resolve("a.json"),
        "{\"apiVersion\":\"v1\",\"kind\":\"X\",\"metadata\":{\"name\":\"a\"}}");
    Files.writeString(directory.resolve("readme.txt"), "text");
    Files.createDirectory(directory.resolve("c"));
    assertThat(names(ObjectFiles.read(directory.toString(), in("")))).containsExactly("a", "b");
  }

  @Test
  void whatIsNotThereIsNamed() {
    assertThatThrownBy(() -> ObjectFiles.read("/none", in("")))
        .hasMessage("the path \"/none\" does not exist");
    assertThatThrownBy(() -> ObjectFiles.read(directory.toString(), in("")))
        .hasMessageContaining("recognized file extensions are [.json .yaml .yml]");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "text | an object is expected",
        "'' | no objects passed",
        "a: [ | error parsing STDIN",
        "{a: 1, a: 2} | error parsing STDIN",
        "{kind: X} | apiVersion not set",
        "{apiVersion: v1} | kind not set",
      })
  void whatIsNoObjectIsRefused(String text, String complaint) {
    assertThatThrownBy(() -> ObjectFiles.read("-", in(text)))
        .isInstanceOf(ObjectException.class)
        .hasMessageContaining(complaint);
  }

  private static String object(String name) {
    return "{apiVersion: v1, kind: X, metadata: {name: " + name + "}}";
  }

  private static InputStream in(String text) {
    return new ByteArrayInputStream(text.getBytes(UTF_8));
  }

  private static List<String> names(List<ObjectFiles.Item> items) {
    return items.stream().map(item -> Meta.name(item.object())).toList();
  }
}
