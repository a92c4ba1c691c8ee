package dev.cistern.server.objects;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

class AnnotationsTest {
  private static final int MAX_BYTES = 262_144;

  @ParameterizedTest
  @ValueSource(ints = {0, 1, MAX_BYTES})
  void annotationsOfSoManyBytesAreStored(int bytes) {
    Meta.requireAnnotations(Kinds.SECRET, annotated("", "x".repeat(bytes)));
  }

  /** As Kubernetes counts: bytes in UTF-8, of names and values. */
  @ParameterizedTest
  @ValueSource(strings = {"{\"\":%d}", "{\"a\":%d,\"b\":%d}"})
  void oneByteMoreIsInvalid(String form) {
    int each = form.contains("b") ? MAX_BYTES / 2 : MAX_BYTES + 1;
    ObjectNode object = annotated("", "");
    ObjectNode annotations = Meta.annotations(Meta.of(object));
    JsonMapper.shared()
        .readTree(form.replace("%d", "0"))
        .propertyNames()
        .forEach(name -> annotations.put(name, "x".repeat(each)));

    assertThatThrownBy(() -> Meta.requireAnnotations(Kinds.SECRET, object))
        .hasMessage(
            "Secret \"named\" is invalid: metadata.annotations: Too long: may not be more than"
                + " 262144 bytes")
        .satisfies(thrown -> {
          ObjectNode status = ((ApiException) thrown).status();
          assertThat(status.path("code").asInt()).isEqualTo(422);
          assertThat(status.path("reason").asString()).isEqualTo("Invalid");
          assertThat(status.path("details").path("causes").path(0).path("reason").asString())
              .isEqualTo("FieldValueTooLong");
        });
  }

  @Test
  void lettersOfSeveralBytesCountAsMany() {
    Meta.requireAnnotations(Kinds.SECRET, annotated("ä", "ä".repeat(MAX_BYTES / 2 - 1)));
    assertThatThrownBy(
            () -> Meta.requireAnnotations(Kinds.SECRET, annotated("ä", "ä".repeat(MAX_BYTES / 2))))
        .isInstanceOf(ApiException.class);
  }

  private static ObjectNode annotated(String name, String value) {
    ObjectNode object = JsonMapper.shared().createObjectNode();
    Meta.annotations(Meta.of(object).put("name", "named")).put(name, value);
    return object;
  }
}
