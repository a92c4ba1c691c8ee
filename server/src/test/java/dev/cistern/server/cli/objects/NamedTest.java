package dev.cistern.server.cli.objects;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class NamedTest {
  private static final ApiKinds KINDS =
      ApiKinds.of(
          discovery("", resource("namespaces", "namespace", "Namespace", "Cluster", "ns")),
          discovery(
              "image.openshift.io",
              resource("imagestreams", "imagestream", "ImageStream", "Namespaced", "is")));

  @ParameterizedTest
  @CsvSource({
    "is",
    "imagestream",
    "ImageStreams",
    "imagestreams.image.openshift.io",
    "imagestreams.v1.image.openshift.io",
    "imagestream.image.openshift.io",
  })
  void aKindHasManyNames(String name) {
    assertThat(KINDS.named(name).kind()).isEqualTo("ImageStream");
    assertThat(KINDS.named(name).isNamespaced()).isTrue();
  }

  @Test
  void oneThatIsNotThereIsNamed() {
    assertThatThrownBy(() -> KINDS.named("foo"))
        .hasMessage("the server doesn't have a resource type \"foo\"");
  }

  @Test
  void kindsNamesAndPairsAreUnderstood() {
    assertThat(texts("is,ns")).containsExactly("imagestream.image.openshift.io/", "namespace/");
    assertThat(texts("is", "a", "b"))
        .containsExactly("imagestream.image.openshift.io/a", "imagestream.image.openshift.io/b");
    assertThat(texts("is/a", "ns/b"))
        .containsExactly("imagestream.image.openshift.io/a", "namespace/b");
  }

  @ParameterizedTest
  @CsvSource({
    "is/a/b,arguments in resource/name form may not have more than one slash",
    "is/a b,there is no need to specify a resource type as a separate argument when passing",
    "is/,arguments in resource/name form must have a single resource and name",
    "/a,arguments in resource/name form must have a single resource and name",
  })
  void othersAreRefused(String words, String complaint) {
    assertThatThrownBy(() -> texts(words.split(" ", -1))).hasMessageStartingWith(complaint);
  }

  private static List<String> texts(String... words) {
    return Named.parse(List.of(words), KINDS).stream()
        .map(one -> Named.of(one.type(), one.name()))
        .toList();
  }

  private static JsonNode discovery(String group, String resource) {
    return JsonMapper.shared()
        .readTree(
            "{\"items\":[{\"metadata\":{\"name\":\"%s\"},\"versions\":[{\"version\":\"v1\",\"resources\":[%s]}]}]}"
                .formatted(group, resource));
  }

  private static String resource(
      String plural, String singular, String kind, String scope, String shortName) {
    return "{\"resource\":\"%s\",\"singularResource\":\"%s\",\"responseKind\":{\"kind\":\"%s\"},\"scope\":\"%s\",\"shortNames\":[\"%s\"]}"
        .formatted(plural, singular, kind, scope, shortName);
  }
}
