package dev.cistern.server.config;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Whatever a file of objects has in it becomes objects or a {@link ConfigException} that names the
 * file, and nothing else, in bounded time.
 */
class ResourcesFuzzTest {
  /** Three texts of 200 characters, each escaped, and what is said of them. */
  private static final int LONGEST_COMPLAINT = 5_000;

  private static final String OBJECTS =
      """
      apiVersion: config.openshift.io/v1
      kind: ImageDigestMirrorSet
      metadata: &meta {name: one, labels: {a: b}}
      spec:
        imageDigestMirrors:
        - source: registry.example.com/team
          mirrors: [mirror.example.com:5000/copies, "other.example.com"]
          mirrorSourcePolicy: NeverContactSource
      ---
      {"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "config.openshift.io/v1", "kind": "ImageTagMirrorSet",
         "spec": {"imageTagMirrors": [{"source": "*.example", "mirrors": ["b.example"]}]}}]}
      ---
      apiVersion: v1
      kind: Secret
      metadata: {name: pull-secret, namespace: openshift-config}
      type: kubernetes.io/dockerconfigjson
      data:
        .dockerconfigjson: e30=
      stringData: {note: |
          plain text}
      """;

  @FuzzTest
  @Timeout(value = 60, unit = SECONDS)
  void objects(byte[] input) {
    try {
      Resources.parse(new String(input, UTF_8), "a.yaml");
    } catch (ConfigException expected) {
      assertThat(expected.getMessage()).startsWith("a.yaml").hasSizeLessThan(LONGEST_COMPLAINT);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"[", "{a: ", "- ", "? ", "{? ", "[[{a: [", "- - - "})
  @Timeout(value = 60, unit = SECONDS)
  void whatIsNestedTooDeepIsRefused(String opening) {
    assertThatThrownBy(() -> Resources.parse("kind: " + opening.repeat(300_000), "a"))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith("a:1: ");
    assertThatThrownBy(() -> Resources.parse(opening.repeat(300_000), "a"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("nested deeper than 100 levels");
  }

  @Test
  @Timeout(value = 60, unit = SECONDS)
  void aliasesThatStandForVeryMuchAreRefused() {
    String laughs =
        IntStream.range(1, 17)
            .mapToObj(i -> "l%d: &l%d [%s]\n".formatted(i, i, ("*l" + (i - 1) + ",").repeat(3)))
            .collect(Collectors.joining("", "l0: &l0 [ha, ha]\n", ""));

    assertThatThrownBy(() -> Resources.parse(laughs, "a"))
        .isInstanceOf(ConfigException.class)
        .hasMessage("a: its aliases (*name) stand for more than 1000000 values");
    assertThatThrownBy(() -> Resources.parse("a: &a []\nb: [" + "*a,".repeat(100_000) + "]", "a"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("aliases");
  }

  @Test
  @Timeout(value = 60, unit = SECONDS)
  void aListThatIsAnItemOfItselfIsRefused() {
    assertThatThrownBy(
            () -> Resources.parse("&a {apiVersion: v1, kind: List, items: [*a, *a, *a]}", "a"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("aliases");
  }

  @Test
  void aListInAListIsRefused() {
    String inner = "{apiVersion: v1, kind: List, items: []}";

    assertThatThrownBy(
            () -> Resources.parse("{apiVersion: v1, kind: List, items: [" + inner + "]}", "a"))
        .isInstanceOf(ConfigException.class)
        .hasMessage("a:1: items[0].kind: an object is expected in a list, not another list");
  }

  @Test
  void aliasesOfAHandAreRead() {
    String text =
        """
        apiVersion: config.openshift.io/v1
        kind: ImageDigestMirrorSet
        spec:
          imageDigestMirrors:
          - {source: a.example, mirrors: &m [m.example, n.example]}
          - {source: b.example, mirrors: *m}
        """;

    assertThat(Resources.parse(text, "a").mirrorSets().getFirst().entries())
        .allSatisfy(entry -> assertThat(entry.mirrors()).containsExactly("m.example", "n.example"));
  }

  @Test
  void aHugeValueIsRefusedInAShortMessage() {
    String huge = "x".repeat(2_000_000);

    for (String place : List.of("registry.example.com/team", "mirror.example.com:5000/copies")) {
      assertThatThrownBy(() -> Resources.parse(OBJECTS.replace(place, "http://" + huge), "a"))
          .isInstanceOf(ConfigException.class)
          .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(LONGEST_COMPLAINT));
    }
    assertThatThrownBy(() -> Resources.parse("a: " + huge + huge, "a"))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith("a: not YAML: ");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "kind: Secret\nkind: List\napiVersion: v1\n",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a, name: b}\n",
        "\tapiVersion: v1\n",
        "apiVersion: v1\u0000\nkind: Secret\n",
        "apiVersion: v1\nkind: Secret\ndata: {a: '*'}\n",
        "- apiVersion: v1\n",
        "[]",
        "{[]: a}"
      })
  void isRefusedWithTheFilesName(String text) {
    assertThatThrownBy(() -> Resources.parse(text, "a"))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith("a");
  }
}
