package dev.cistern.server.objects;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.ByteArrayOutputStream;
import java.util.Map;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Whatever a client sends becomes an object that can be stored and read again, or an {@link
 * ApiException}, and nothing else, in bounded time.
 */
class ObjectsFuzzTest {
  private static final JsonNode OBJECT =
      JsonMapper.shared()
          .readTree(
              """
              {"kind": "ImageStream", "apiVersion": "image.openshift.io/v1",
               "metadata": {"name": "app", "generation": 2, "finalizers": ["a", "b"],
                 "labels": {"a/b": "c", "~": "", "": "x"}, "ownerReferences": [{"uid": "1"}]},
               "spec": {"lookupPolicy": {"local": false},
                 "tags": [{"name": "a", "from": {"kind": "DockerImage", "name": "x/y"}},
                   {"name": "b", "annotations": null, "generation": 1.5}]},
               "secrets": [{"name": "one"}], "imagePullSecrets": [], "list": [[1, [2]], true]}
              """);

  /** The body of a request without the four bytes that begin it. */
  @FuzzTest
  @Timeout(60)
  void protobuf(byte[] input) {
    var body = new ByteArrayOutputStream();
    body.writeBytes(new byte[] {'k', '8', 's', 0});
    body.writeBytes(input);
    try {
      JsonNode object = Protobuf.parse(body.toByteArray());
      assertThat(object.path("kind").stringValue()).isNotEmpty();
      assertThat(Meta.depth(object)).isLessThan(10);
      assertThat(read(object).toString()).isEqualTo(object.toString());
    } catch (ApiException refused) {
      assertThat(refused.reason().status()).isIn(400, 415);
    }
  }

  /** A patch, tried as each of the kinds. */
  @FuzzTest
  @Timeout(60)
  void patches(byte[] input) {
    String before = OBJECT.toString();
    for (String mediaType : Patch.MEDIA_TYPES) {
      try {
        JsonNode after = Patch.parse(mediaType, input).apply(OBJECT);
        if (!after.isMissingNode()) {
          assertThat(read(after).toString()).isEqualTo(after.toString());
        }
      } catch (ApiException refused) {
        assertThat(refused.reason().status()).isIn(400, 413, 422);
        assertThat(refused.status().toString()).isNotEmpty();
      }
      assertThat(OBJECT.toString()).as("the object that is given").isEqualTo(before);
    }
  }

  /** Parameters of a list: labels in the first line, fields in the second. */
  @FuzzTest
  @Timeout(60)
  void selectors(byte[] input) {
    String[] lines = (new String(input, UTF_8) + "\n").split("\n", -1);
    try {
      Selector selector = Selector.parse(lines[0], lines[1], Map.of("metadata.name", Meta::name));
      assertThat(selector.test(OBJECT)).isEqualTo(selector.test(read(OBJECT)));
    } catch (ApiException refused) {
      assertThat(refused.reason().status()).isEqualTo(400);
    }
  }

  private static JsonNode read(JsonNode object) {
    return JsonMapper.shared().readTree(object.toString());
  }
}
