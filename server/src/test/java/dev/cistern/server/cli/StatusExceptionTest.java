package dev.cistern.server.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class StatusExceptionTest {
  @Test
  void theReasonIsSaidWithTheMessage() {
    StatusException refused =
        of("'reason':'NotFound','message':'imagestreams.image.openshift.io \\'x\\' not found'");
    assertThat(refused.line())
        .isEqualTo("Error from server (NotFound): imagestreams.image.openshift.io \"x\" not found");
    assertThat(refused.about("deleting", "a.yaml").line())
        .startsWith("Error from server (NotFound): error when deleting \"a.yaml\": imagestreams");
    assertThat(refused.is("Conflict", "NotFound")).isTrue();
    assertThat(refused.is("Conflict")).isFalse();
  }

  @Test
  void oneThatGivesNoReasonIsSaidWithoutOne() {
    assertThat(of("'message':'no'").line()).isEqualTo("Error from server: no");
  }

  @Test
  void whatIsInvalidIsToldCauseByCause() {
    String details = "'reason':'Invalid','details':{'kind':'ImageStream','name':'a','causes':[";
    assertThat(of(details + "{'field':'spec','message':'no'}]}").line())
        .isEqualTo("The ImageStream \"a\" is invalid: spec: no");
    assertThat(of(details + "{'field':'x','message':'no'},{'field':'y','message':'nor'}]}").line())
        .isEqualTo("The ImageStream \"a\" is invalid: \n* x: no\n* y: nor");
  }

  private static StatusException of(String fields) {
    JsonNode status =
        JsonMapper.shared()
            .readTree(
                ("{'kind':'Status'," + fields + "}").replace("\\'", "\\\"").replace('\'', '"'));
    assertThat(StatusException.isOne(status)).isTrue();
    return StatusException.of(status, "");
  }
}
