package dev.cistern.server.cli.objects;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.server.objects.Patch;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

class LastAppliedTest {
  @Test
  void whatWasSaidIsNotedAsKubectlNotesIt() {
    ObjectNode noted = LastApplied.noted(json("{'metadata':{'name':'a'},'kind':'X','b':1}"));
    assertThat(noted.path("metadata").path("annotations").toString())
        .isEqualTo(
            "{\"kubectl.kubernetes.io/last-applied-configuration\":\"{\\\"b\\\":1,\\\"kind\\\":"
                + "\\\"X\\\",\\\"metadata\\\":{\\\"annotations\\\":{},\\\"name\\\":\\\"a\\\"}}\\n\"}");
  }

  @Test
  void whatAFileSaysNoMoreGoesAndWhatOthersHaveSetStays() {
    ObjectNode first =
        json(
            """
            {'metadata': {'name': 'a', 'labels': {'x': '1', 'y': '2'}}, 'spec': {'tags': [
              {'name': 'v1', 'from': {'name': 'r/a:1'}, 'reference': true},
              {'name': 'v2', 'from': {'name': 'r/a:2'}}], 'lookupPolicy': {'local': true}}}
            """);
    ObjectNode now = applied(json("{}"), first);
    now.withObject("/metadata/labels").put("other", "3");
    now.withObject("/spec").withArray("tags").addObject().put("name", "pushed");

    ObjectNode second =
        json(
            """
            {'metadata': {'name': 'a', 'labels': {'y': '2'}}, 'spec': {'tags': [
              {'name': 'v1', 'from': {'name': 'r/a:1'}}]}}
            """);
    ObjectNode after = applied(now, second);
    assertThat(after.path("metadata").path("labels")).isEqualTo(json("{'y':'2','other':'3'}"));
    assertThat(after.path("spec"))
        .isEqualTo(json("{'tags':[{'name':'v1','from':{'name':'r/a:1'}},{'name':'pushed'}]}"));
    assertThat(applied(after, second)).isEqualTo(after);
  }

  @Test
  void whatWasNeverAppliedIsMerged() {
    ObjectNode now = json("{'metadata':{'name':'a','labels':{'x':'1'}},'kept':true}");
    ObjectNode after = applied(now, json("{'metadata':{'name':'a','labels':{'y':'2'}}}"));
    assertThat(after.path("metadata").path("labels")).isEqualTo(json("{'x':'1','y':'2'}"));
    assertThat(after.path("kept").asBoolean()).isTrue();
  }

  private static ObjectNode applied(ObjectNode now, ObjectNode wanted) {
    byte[] patch = LastApplied.patch(now, wanted).toString().getBytes(UTF_8);
    return (ObjectNode) Patch.parse("application/strategic-merge-patch+json", patch).apply(now);
  }

  private static ObjectNode json(String text) {
    return (ObjectNode) JsonMapper.shared().readTree(text.replace('\'', '"'));
  }
}
