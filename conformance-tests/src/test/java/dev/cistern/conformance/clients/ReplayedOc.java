package dev.cistern.conformance.clients;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.conformance.CisternServer;
import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.stream.Stream;
import tools.jackson.databind.json.JsonMapper;

/** What the client asked when it ran, asked again. */
final class ReplayedOc implements Oc {
  private final CisternServer server;
  private final Placeholders names;
  private final Iterator<Scenario.Step> steps;
  private final HttpClient http =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  ReplayedOc(CisternServer server, Path file, Placeholders names) {
    this.server = server;
    this.names = names;
    this.steps = JsonMapper.shared().readValue(file, Scenario.class).steps().iterator();
  }

  @Override
  public Said run(String... words) {
    Scenario.Step step = steps.next();
    List<String> now = Stream.of(words).map(names::hidden).toList();
    assertThat(step.words()).as("what was recorded; record it anew").isEqualTo(now);
    step.asked().forEach(this::ask);
    return new Said(false, step.status(), "", "");
  }

  private void ask(Asked asked) {
    HttpRequest.Builder request = HttpRequest.newBuilder(server.uri(names.shown(asked.target())));
    if (!asked.accept().isEmpty()) {
      request.header("Accept", asked.accept());
    }
    if (!asked.contentType().isEmpty()) {
      request.header("Content-Type", asked.contentType());
    }
    byte[] body = asked.isBinary() ? asked.bytes() : names.shown(asked.body()).getBytes(UTF_8);
    try {
      HttpResponse<byte[]> answer =
          http.send(
              request.method(asked.method(), HttpRequest.BodyPublishers.ofByteArray(body)).build(),
              HttpResponse.BodyHandlers.ofByteArray());
      assertThat(answer.statusCode())
          .as("%s %s: %s", asked.method(), asked.target(), new String(answer.body(), UTF_8))
          .isEqualTo(asked.status());
      names.answered(answer.body());
    } catch (IOException e) {
      throw new AssertionError("no answer to " + asked.method() + " " + asked.target(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e);
    }
  }

  @Override
  public void close() {
    http.close();
  }
}
