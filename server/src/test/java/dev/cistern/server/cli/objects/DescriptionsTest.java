package dev.cistern.server.cli.objects;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Image streams, images and tables in the words of oc. */
class DescriptionsTest {
  private static final Instant NOW = Instant.parse("2026-11-26T10:00:00Z");

  @Test
  void aStreamIsToldTagByTag() {
    JsonNode stream =
        json(
            """
            {"metadata": {"name": "app", "namespace": "team", "labels": {"b": "2", "a": "1"},
              "creationTimestamp": "2026-11-26T09:00:00Z", "annotations": {"description": "Text."}},
             "spec": {"tags": [
              {"name": "v1", "from": {"kind": "DockerImage", "name": "r.io/app:v1"}, "generation": 3,
               "importPolicy": {"insecure": true, "scheduled": true},
               "referencePolicy": {"type": "Local"}, "annotations": {"tags": "x,y"}},
              {"name": "also", "from": {"kind": "ImageStreamTag", "name": "app:v1"}},
              {"name": "ref", "reference": true, "from": {"kind": "DockerImage", "name": "r.io/x"}}]},
             "status": {"dockerImageRepository": "h/team/app", "tags": [
              {"tag": "v1", "items": [
                {"created": "2026-11-26T09:59:00Z", "image": "sha256:1", "generation": 2,
                 "dockerImageReference": "r.io/app@sha256:1"},
                {"created": "2026-11-24T10:00:00Z", "image": "sha256:2",
                 "dockerImageReference": "r.io/app:old"}],
               "conditions": [{"type": "ImportSuccess", "status": "False", "reason": "NotFound",
                 "message": "gone", "lastTransitionTime": "2026-11-26T09:30:00Z"}]},
              {"tag": "pushed", "items": []}]}}
            """);
    assertThat(StreamDescription.of(stream, NOW))
        .isEqualTo(
            """
            Name:			app
            Namespace:		team
            Created:		About an hour ago
            Labels:			a=1
            			b=2
            Description:		Text.
            Annotations:		<none>
            Image Repository:	h/team/app
            Image Lookup:		local=false
            Unique Images:		2
            Tags:			4

            pushed
              no spec tag


            ref
              reference to registry r.io/x


            v1 (also)
              updates automatically from registry r.io/app:v1
                will use insecure HTTPS or HTTP connections
                prefer registry pullthrough when referencing this tag

              Tags: x, y

              ~ importing latest image ...
              ! error: Import failed (NotFound): gone
                  30 minutes ago
              * r.io/app@sha256:1
                  About a minute ago
                r.io/app:old
                  2 days ago	sha256:2
            """);
  }

  @Test
  void anEmptyStreamHasNoTags() {
    assertThat(StreamDescription.of(json("{\"metadata\":{\"name\":\"a\"}}"), NOW))
        .endsWith("Image Lookup:\t\tlocal=false\nTags:\t\t\t<none>\n");
  }

  @Test
  void anImageIsToldWithItsLayersAndHowItRuns() {
    JsonNode image =
        json(
            """
            {"metadata": {"name": "sha256:1", "creationTimestamp": "2026-11-26T09:59:30Z"},
             "dockerImageReference": "r.io/app@sha256:1",
             "dockerImageLayers": [{"name": "sha256:l", "size": 1234567}],
             "dockerImageMetadata": {"Created": "2026-11-25T10:00:00Z", "Author": "me",
              "Architecture": "amd64", "Size": 1300000, "Config": {"Entrypoint": ["/a", "b"],
              "Env": ["A=1", "B=2"], "ExposedPorts": {"80/tcp": {}, "443/tcp": {}},
              "Labels": {"k": "v"}, "User": "1001", "WorkingDir": "/w", "Volumes": {"/v": {}}}}}
            """);
    assertThat(ImageDescription.of(image, "app:v1", NOW))
        .isEqualTo(
            """
            Image Name:	app:v1
            Docker Image:	r.io/app@sha256:1
            Name:		sha256:1
            Created:	30 seconds ago
            Image Size:	1.3MB in 1 layers
            Layers:		1.235MB	sha256:l
            Image Created:	24 hours ago
            Author:		me
            Arch:		amd64
            Entrypoint:	/a b
            Working Dir:	/w
            User:		1001
            Exposes Ports:	443/tcp, 80/tcp
            Docker Labels:	k=v
            Environment:	A=1
            		B=2
            Volumes:	/v
            """);
  }

  @Test
  void anImportIsToldWithWhatFailed() {
    JsonNode answer =
        json(
            """
            {"status": {"import": {"metadata": {"name": "app"}}, "images": [
              {"tag": "v1", "status": {"status": "Failure", "message": "gone"}}],
             "repository": {"additionalTags": ["x", "y"], "images": []}}}
            """);
    ImportResult result = ImportResult.of(answer, "app", true, NOW);
    assertThat(result.text())
        .startsWith("imagestream.image.openshift.io/app imported with errors (dry run)\n\nName:")
        .endsWith(
            "\ninfo: The remote repository contained 2 additional tags which were not imported:"
                + " x, y\n\n");
    assertThat(result.complaints())
        .containsExactly("error: tag v1 failed: gone", "error: imported completed with errors");
    assertThat(result.isFailed()).isTrue();
  }

  @Test
  void columnsOfATableNeverBecomeNarrower() {
    JsonNode table =
        json(
            """
            {"kind": "Table", "columnDefinitions": [
              {"name": "Name", "format": "name"}, {"name": "Tags"}, {"name": "More", "priority": 1}],
             "rows": [{"cells": ["app", "v1", "m"],
               "object": {"metadata": {"namespace": "team", "labels": {"a": "b"}}}}]}
            """);
    JsonNode next =
        json("{\"kind\":\"Table\",\"rows\":[{\"cells\":[\"a\",\"two\\nlines\\u0007\"]}]}");
    var printer = new TablePrinter(new TableStyle("", false, false, false));
    assertThat(printer.print(List.of(table)) + printer.print(List.of(next)))
        .isEqualTo("NAME   TAGS\napp    v1\na      two...\n");
    assertThat(new TablePrinter(new TableStyle("is", true, true, true)).print(List.of(table)))
        .isEqualTo(
            """
            NAMESPACE   NAME     TAGS   MORE   LABELS
            team        is/app   v1     m      a=b
            """);
  }

  @Test
  void anObjectWithoutATableHasItsNameAndAge() {
    assertThat(
            new TablePrinter(new TableStyle("", false, false, false))
                .print(List.of(json("{\"kind\":\"X\",\"metadata\":{\"name\":\"a\"}}"))))
        .isEqualTo("NAME   AGE\na      <unknown>\n");
  }

  private static JsonNode json(String text) {
    return JsonMapper.shared().readTree(text);
  }
}
