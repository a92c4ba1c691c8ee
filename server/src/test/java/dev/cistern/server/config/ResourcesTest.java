package dev.cistern.server.config;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.mirror.rules.MirrorSet;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ResourcesTest {
  private static final String DIGESTS =
      """
      apiVersion: config.openshift.io/v1
      kind: ImageDigestMirrorSet
      metadata: {name: one, labels: {a: b}}
      spec:
        imageDigestMirrors:
        - source: registry.example.com/team
          mirrors: [mirror.example.com:5000/copies, other.example.com]
          mirrorSourcePolicy: NeverContactSource
        - source: "*.example.org"
          mirrors: [mirror.example.com/all]
      """;
  private static final String POLICY =
      """
      apiVersion: operator.openshift.io/v1alpha1
      kind: ImageContentSourcePolicy
      metadata: {name: old}
      spec:
        repositoryDigestMirrors:
        - source: registry.example.com/team
          mirrors: [mirror.example.com]
      """;

  @Test
  void readsSeveralDocumentsOfAllKinds() {
    String tags = DIGESTS.replace("Digest", "Tag");

    Resources resources = Resources.parse(DIGESTS + "---\n---\n" + tags + "---\n" + POLICY, "a");

    assertThat(resources.mirrorSets())
        .extracting(MirrorSet::kind)
        .containsExactly(MirrorSet.Kind.DIGEST, MirrorSet.Kind.TAG, MirrorSet.Kind.DIGEST);
    assertThat(resources.mirrorSets().getFirst().entries())
        .containsExactly(
            new MirrorSet.Entry(
                "registry.example.com/team",
                List.of("mirror.example.com:5000/copies", "other.example.com"),
                true),
            new MirrorSet.Entry("*.example.org", List.of("mirror.example.com/all"), false));
  }

  @ParameterizedTest
  @CsvSource({
    "{? [x] : y}, file: not YAML: Non scalar key",
    "'{x: y, x: z}', file:5: x: the key is there twice",
  })
  void aKeyWithinAnObjectIsASingleValueThatIsThereOnce(String annotations, String problem) {
    String group =
        """
        apiVersion: user.openshift.io/v1
        kind: Group
        metadata:
          name: team
          annotations: %s
        users: [anna]
        """
            .formatted(annotations);

    assertThatThrownBy(() -> Resources.parse(group, "file"))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith(problem);
  }

  /** The library reads in pieces of 1,025 characters, unless it is told. */
  @Test
  void readsCharactersOfTwoUnitsWhereverTheyLie() {
    for (int i = 900; i < 1_100; i++) {
      String text = "# " + "x".repeat(i) + "\uD83D\uDC33\n" + DIGESTS;

      assertThat(Resources.parse(text, "a").mirrorSets()).hasSize(1);
    }
  }

  @Test
  void readsJsonAndLists() {
    String json =
        """
        {"apiVersion": "v1", "kind": "List", "items": [
          {"apiVersion": "config.openshift.io/v1", "kind": "ImageTagMirrorSet",
           "spec": {"imageTagMirrors": [{"source": "a.example", "mirrors": ["b.example"]}]}},
          {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": 3}}]}
        """;

    assertThat(Resources.parse(json, "a").mirrorSets())
        .containsExactly(
            new MirrorSet(
                MirrorSet.Kind.TAG,
                List.of(new MirrorSet.Entry("a.example", List.of("b.example"), false))));
  }

  @Test
  void readsSecretsWithDataAndStringData() {
    Resources resources =
        Resources.parse(
            """
            apiVersion: v1
            kind: Secret
            metadata: {name: pull-secret, namespace: openshift-config}
            type: kubernetes.io/dockerconfigjson
            data: {.dockerconfigjson: e30=}
            stringData: {note: plain}
            """,
            "a");

    Resources.Secret secret = resources.secrets().getFirst();
    assertThat(secret.data().get(".dockerconfigjson")).isEqualTo("{}".getBytes(UTF_8));
    assertThat(secret.data().get("note")).isEqualTo("plain".getBytes(UTF_8));
    assertThat(secret).hasToString("secret openshift-config/pull-secret");
  }

  @Test
  void readsSecretsInJson() {
    Resources resources =
        Resources.parse(
            """
            {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockercfg",
             "metadata": {"name": "old", "namespace": "team"},
             "data": {".dockercfg": "e30="}, "stringData": {"note": "plain"}}
            """,
            "a");

    Resources.Secret secret = resources.secrets().getFirst();
    assertThat(secret.type()).isEqualTo("kubernetes.io/dockercfg");
    assertThat(secret.data().get(".dockercfg")).isEqualTo("{}".getBytes(UTF_8));
    assertThat(secret.data().get("note")).isEqualTo("plain".getBytes(UTF_8));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "config.openshift.io/v1|config.openshift.io/v2|a:1: apiVersion: config.openshift.io/v1 is",
        "imageDigestMirrors|imageTagMirrors|a:5: spec.imageTagMirrors: unknown key",
        "registry.example.com/team|http://registry.example.com|"
            + "a:6: spec.imageDigestMirrors[0].source: host[:port][/path] or *.host is expected",
        "other.example.com|\"*.example.com\"|a:7: spec.imageDigestMirrors[0].mirrors: host[:port][/path]",
        "NeverContactSource|Never|mirrorSourcePolicy: AllowContactingSource or NeverContactSource",
        "mirrorSourcePolicy|policy|a:8: spec.imageDigestMirrors[0].policy: unknown key",
        "- source: registry|- host: registry|a:6: spec.imageDigestMirrors[0].source: the key is",
        "kind: ImageDigestMirrorSet|sort: of|a:1: kind: the key is missing",
        "spec:|spec: [|not YAML",
      })
  void refusesWithFileLineAndField(String right, String wrong, String complaint) {
    assertThatThrownBy(
            () -> Resources.parse(DIGESTS.replaceFirst(Pattern.quote(right), wrong), "a"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(complaint);
  }

  @ParameterizedTest
  @CsvSource({
    "'',                                        false",
    "mirrorSourcePolicy: '',                    false",
    "mirrorSourcePolicy: AllowContactingSource, false",
    "mirrorSourcePolicy: NeverContactSource,    true"
  })
  void theSourceMayBeContactedUnlessThePolicySaysNever(String policy, boolean isNever) {
    String text = DIGESTS.replace("mirrorSourcePolicy: NeverContactSource", policy);

    assertThat(Resources.parse(text, "a").mirrorSets().getFirst().entries().getFirst())
        .extracting(MirrorSet.Entry::neverContactsSource)
        .isEqualTo(isNever);
  }

  @Test
  void anIcspAlwaysFallsBackToItsSource() {
    assertThat(Resources.parse(POLICY, "a").mirrorSets().getFirst().entries())
        .containsExactly(
            new MirrorSet.Entry("registry.example.com/team", List.of("mirror.example.com"), false));
  }

  @Test
  void anIcspHasNoPolicy() {
    String text = POLICY + "    mirrorSourcePolicy: NeverContactSource\n";

    assertThatThrownBy(() -> Resources.parse(text, "a"))
        .hasMessageContaining("mirrorSourcePolicy: unknown key");
  }
}
