package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SmokeTest {
  @Test
  void aServerWithoutConfigurationAnswersTheBaseEndpoint(@TempDir Path data)
      throws IOException, InterruptedException {
    try (CisternServer server = CisternServer.start(data);
        HttpClient client = HttpClient.newHttpClient()) {
      HttpResponse<String> reply =
          client.send(
              HttpRequest.newBuilder(server.uri("/v2/")).build(),
              HttpResponse.BodyHandlers.ofString());

      assertThat(reply.statusCode()).isEqualTo(200);
      assertThat(reply.headers().firstValue("Docker-Distribution-Api-Version"))
          .contains("registry/2.0");
    }
  }
}
