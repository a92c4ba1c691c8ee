package dev.cistern.server.objects;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.WireFormat;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class ProtobufTest {
  private static final byte[] NOTHING = {};

  /**
   * The metadata of a new object as Go writes it: empty texts and zeros too, and an empty time.
   * Name and namespace are to be added.
   */
  private static final Writing EMPTY_METADATA =
      out -> {
        out.writeString(2, "");
        out.writeString(4, "");
        out.writeString(5, "");
        out.writeString(6, "");
        out.writeInt64(7, 0);
        out.writeByteArray(8, NOTHING);
      };

  /** The bytes of {@code oc create secret generic s --from-literal=a=b}. */
  static final byte[] SECRET =
      HexFormat.of()
          .parseHex(
              ("6b387300" // k8s\0
                      + "0a0c 0a027631 1206536563726574" // v1, Secret
                      + "122e 0a1a 0a0173 1200 1a046e616d65 2200 2a00 3200 3800 4200 7a00 8a0100"
                      + "12060a0161120162 1a064f7061717565 2800"
                      + "1a00 2200")
                  .replace(" ", ""));

  @Test
  void aSecretIsReadAsOcSendsIt() {
    byte[] secret =
        enveloped(
            "v1",
            "Secret",
            message(out -> {
              out.writeByteArray(1, metadata("pull", "team"));
              out.writeByteArray(
                  2,
                  message(entry -> {
                    entry.writeString(1, ".dockerconfigjson");
                    entry.writeByteArray(2, "{}".getBytes(UTF_8));
                  }));
              out.writeByteArray(2, message(entry -> entry.writeString(1, "empty")));
              out.writeString(3, "kubernetes.io/dockerconfigjson");
              out.writeByteArray(
                  4,
                  message(entry -> {
                    entry.writeString(1, "note");
                    entry.writeString(2, "é");
                  }));
              out.writeBool(5, true);
            }));

    assertThat(parsed(secret))
        .isEqualTo(
            json(
                """
                {"kind":"Secret","apiVersion":"v1",
                 "metadata":{"name":"pull","creationTimestamp":null,
                   "namespace":"team","labels":{"app":"web"},"annotations":{"a":""},
                   "finalizers":["one","two"]},
                 "data":{".dockerconfigjson":"e30=","empty":""},
                 "type":"kubernetes.io/dockerconfigjson",
                 "stringData":{"note":"é"},"immutable":true}
                """));
  }

  @Test
  void aServiceAccountIsRead() {
    byte[] account =
        enveloped(
            "v1",
            "ServiceAccount",
            message(out -> {
              out.writeByteArray(1, message(meta -> meta.writeString(1, "builder")));
              out.writeByteArray(2, message(secret -> secret.writeString(3, "one")));
              out.writeByteArray(2, message(secret -> secret.writeString(3, "two")));
              out.writeByteArray(3, message(secret -> secret.writeString(1, "pull")));
              out.writeBool(4, false);
            }));

    assertThat(parsed(account))
        .isEqualTo(
            json(
                """
                {"kind":"ServiceAccount","apiVersion":"v1","metadata":{"name":"builder"},
                 "secrets":[{"name":"one"},{"name":"two"}],"imagePullSecrets":[{"name":"pull"}],
                 "automountServiceAccountToken":false}
                """));
  }

  @Test
  void aSelfSubjectReviewIsReadAsWhoamiSendsIt() {
    byte[] review =
        enveloped(
            "authentication.k8s.io/v1",
            "SelfSubjectReview",
            message(out -> {
              out.writeByteArray(1, message(EMPTY_METADATA));
              out.writeByteArray(2, message(status -> status.writeByteArray(1, NOTHING)));
            }));

    assertThat(parsed(review))
        .isEqualTo(
            json(
                """
                {"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1",
                 "metadata":{"creationTimestamp":null}}
                """));
  }

  @Test
  void aSelfSubjectAccessReviewIsRead() {
    byte[] review =
        enveloped(
            "authorization.k8s.io/v1",
            "SelfSubjectAccessReview",
            message(out ->
                out.writeByteArray(
                    2,
                    message(spec ->
                        spec.writeByteArray(
                            1,
                            message(attributes -> {
                              attributes.writeString(1, "team");
                              attributes.writeString(2, "get");
                              attributes.writeString(3, "image.openshift.io");
                              attributes.writeString(4, "*");
                              attributes.writeString(5, "imagestreams");
                              attributes.writeString(6, "layers");
                              attributes.writeString(7, "app");
                            }))))));

    assertThat(parsed(review).path("spec"))
        .isEqualTo(
            json(
                """
                {"resourceAttributes":{"namespace":"team","verb":"get",
                  "group":"image.openshift.io","version":"*","resource":"imagestreams",
                  "subresource":"layers","name":"app"}}
                """));
  }

  @Test
  void aRoleBindingIsRead() {
    byte[] binding =
        enveloped(
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            message(out -> {
              out.writeByteArray(
                  2,
                  message(subject -> {
                    subject.writeString(1, "User");
                    subject.writeString(2, "rbac.authorization.k8s.io");
                    subject.writeString(3, "alice");
                    subject.writeString(4, "");
                  }));
              out.writeByteArray(
                  3,
                  message(role -> {
                    role.writeString(1, "rbac.authorization.k8s.io");
                    role.writeString(2, "ClusterRole");
                    role.writeString(3, "system:image-puller");
                  }));
            }));

    assertThat(parsed(binding))
        .isEqualTo(
            json(
                """
                {"kind":"RoleBinding","apiVersion":"rbac.authorization.k8s.io/v1",
                 "subjects":[{"kind":"User","apiGroup":"rbac.authorization.k8s.io","name":"alice"}],
                 "roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole",
                   "name":"system:image-puller"}}
                """));
  }

  @Test
  void deleteOptionsAreRead() {
    byte[] options =
        enveloped(
            "v1",
            "DeleteOptions",
            message(out -> {
              out.writeInt64(1, 30);
              out.writeByteArray(2, message(only -> only.writeString(1, "some-uid")));
              out.writeString(4, "Background");
              out.writeString(5, "All");
            }));

    assertThat(parsed(options))
        .isEqualTo(
            json(
                """
                {"kind":"DeleteOptions","apiVersion":"v1","gracePeriodSeconds":30,
                 "preconditions":{"uid":"some-uid"},"propagationPolicy":"Background",
                 "dryRun":["All"]}
                """));
  }

  @Test
  void bytesFromAWireAreRead() {
    assertThat(parsed(SECRET))
        .isEqualTo(
            json(
                """
                {"kind":"Secret","apiVersion":"v1",
                 "metadata":{"name":"s","namespace":"name","creationTimestamp":null},
                 "data":{"a":"Yg=="},"type":"Opaque","immutable":false}
                """));
  }

  @Test
  void timesAreReadInSeconds() {
    assertThat(created(1_793_500_200).stringValue()).isEqualTo("2026-11-01T02:30:00Z");
    assertThat(created(0).isNull()).isTrue();
    assertThat(created(-62_135_596_800L).isNull()).as("the zero time of Go").isTrue();
    assertThat(created(Long.MAX_VALUE).isNull()).isTrue();
  }

  private static JsonNode created(long seconds) {
    byte[] time =
        message(out -> {
          out.writeInt64(1, seconds);
          out.writeInt32(2, 999);
        });
    byte[] object =
        message(out -> out.writeByteArray(1, message(meta -> meta.writeByteArray(8, time))));
    return Protobuf.parse(enveloped("v1", "Namespace", object))
        .path("metadata")
        .path("creationTimestamp");
  }

  @Test
  void fieldsThatAreNotKnownDoNotCount() {
    byte[] object =
        message(out -> {
          out.writeFixed32(200, 1);
          out.writeFixed64(201, 1);
          out.writeString(202, "x");
          out.writeTag(203, WireFormat.WIRETYPE_START_GROUP);
          out.writeInt32(1, 7);
          out.writeTag(203, WireFormat.WIRETYPE_END_GROUP);
          out.writeByteArray(1, message(meta -> meta.writeString(1, "one")));
        });

    assertThat(parsed(enveloped("v1", "Namespace", object)))
        .isEqualTo(
            json("{\"kind\":\"Namespace\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"one\"}}"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "6b", "6b3873", "6b387301", "7b7d", "006b387300"})
  void whatDoesNotBeginSoIsNoProtobuf(String hex) {
    byte[] body = HexFormat.of().parseHex(hex);

    assertThatThrownBy(() -> Protobuf.parse(body))
        .isInstanceOfSatisfying(
            ApiException.class, e -> assertThat(e.reason().status()).isEqualTo(400))
        .hasMessage("the body is no Kubernetes protobuf: it must begin with k8s");
  }

  @Test
  void whatIsCutShortIsRefused() {
    for (int length = 4; length < SECRET.length; length++) {
      byte[] cut = Arrays.copyOf(SECRET, length);
      try {
        Protobuf.parse(cut);
        assertThat(length).as("whole fields of the envelope").matches(n -> n == 18 || n >= 66);
      } catch (ApiException e) {
        assertThat(e.reason().status()).isIn(400, 415);
      }
    }
  }

  @Test
  void anotherKindIsRefused() {
    assertThatThrownBy(() -> Protobuf.parse(enveloped("v1", "Pod", NOTHING)))
        .isInstanceOfSatisfying(
            ApiException.class, e -> assertThat(e.reason().status()).isEqualTo(415))
        .hasMessage("a Pod is taken as application/json only");
    assertThatThrownBy(() -> Protobuf.parse(new byte[] {'k', '8', 's', 0}))
        .isInstanceOfSatisfying(
            ApiException.class, e -> assertThat(e.reason().status()).isEqualTo(415));
  }

  @Test
  void anObjectMayBeEmpty() {
    assertThat(parsed(enveloped("v1", "Secret", NOTHING)))
        .isEqualTo(json("{\"kind\":\"Secret\",\"apiVersion\":\"v1\"}"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "0a", // a message of no length
        "0aff", // a length that does not end
        "0aff01", // longer than what is there
        "0a0310ff", // so in the metadata
        "0a020aff", // a text longer than its message
        "0a030a01ff", // no UTF-8
        "0affffffff0f", // a negative length
        "00", // no field has the number 0
        "07", // no wire type
        "09ff", // eight bytes are needed
        "12050a04616161", // a map's key is longer than its entry
      })
  void whatIsBrokenIsRefused(String hex) {
    byte[] body = enveloped("v1", "Secret", HexFormat.of().parseHex(hex));

    assertThatThrownBy(() -> Protobuf.parse(body))
        .isInstanceOfSatisfying(
            ApiException.class, e -> assertThat(e.reason().status()).isEqualTo(400))
        .hasMessageStartingWith("the body is no protobuf: ");
  }

  @Test
  void whatIsNestedTooDeepIsRefused() {
    byte[] body =
        enveloped(
            "v1", "Secret", HexFormat.of().parseHex("a301".repeat(50_000))); // groups in groups

    assertThatThrownBy(() -> Protobuf.parse(body))
        .isInstanceOf(ApiException.class)
        .hasMessageStartingWith("the body is no protobuf: ");
  }

  /** What writes the fields of a message. */
  private interface Writing {
    void to(CodedOutputStream out) throws IOException;
  }

  private static byte[] metadata(String name, String namespace) {
    return message(out -> {
      out.writeString(1, name);
      EMPTY_METADATA.to(out);
      out.writeString(3, namespace);
      out.writeByteArray(
          11,
          message(entry -> {
            entry.writeString(1, "app");
            entry.writeString(2, "web");
          }));
      out.writeByteArray(12, message(entry -> entry.writeString(1, "a")));
      out.writeString(14, "one");
      out.writeString(14, "two");
    });
  }

  private static byte[] enveloped(String version, String kind, byte[] object) {
    byte[] envelope =
        message(out -> {
          out.writeByteArray(
              1,
              message(type -> {
                type.writeString(1, version);
                type.writeString(2, kind);
              }));
          out.writeByteArray(2, object);
          out.writeString(3, "");
          out.writeString(4, "");
        });
    var all = new ByteArrayOutputStream();
    all.writeBytes(new byte[] {'k', '8', 's', 0});
    all.writeBytes(envelope);
    return all.toByteArray();
  }

  private static byte[] message(Writing writing) {
    var bytes = new ByteArrayOutputStream();
    try {
      CodedOutputStream out = CodedOutputStream.newInstance(bytes);
      writing.to(out);
      out.flush();
    } catch (IOException e) {
      throw new UncheckedIOException("memory does not fail", e);
    }
    return bytes.toByteArray();
  }

  /** Returns what is read as it is written, so that numbers are those of JSON. */
  private static JsonNode parsed(byte[] body) {
    return json(Protobuf.parse(body).toString());
  }

  private static JsonNode json(String text) {
    return JsonMapper.shared().readTree(text);
  }
}
