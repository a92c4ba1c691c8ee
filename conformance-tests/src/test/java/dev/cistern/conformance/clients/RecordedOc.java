package dev.cistern.conformance.clients;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.cistern.conformance.CisternServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.stream.Stream;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** The client of this machine; writes down all it asks, between it and the server. */
final class RecordedOc implements Oc {
  private final CisternServer server;
  private final Path file;
  private final Placeholders names;
  private final RealOc oc;
  private final HttpServer proxy;
  private final HttpClient http =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  private final List<Scenario.Step> steps = new ArrayList<>();
  private List<Asked> asked = new ArrayList<>();

  RecordedOc(Path program, CisternServer server, Path directory, Path file, Placeholders names)
      throws IOException {
    this.server = server;
    this.file = file;
    this.names = names;
    this.proxy = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    this.oc = new RealOc(program, "http://127.0.0.1:" + proxy.getAddress().getPort(), directory);
    proxy.createContext("/", this::pass);
    proxy.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    proxy.start();
  }

  @Override
  public Said run(String... words) {
    asked = new ArrayList<>();
    Said said = oc.run(words);
    steps.add(
        new Scenario.Step(Stream.of(words).map(names::hidden).toList(), said.status(), asked));
    return said;
  }

  private synchronized void pass(HttpExchange exchange) throws IOException {
    try (exchange) {
      byte[] body = exchange.getRequestBody().readAllBytes();
      String target = exchange.getRequestURI().toString();
      String accept = header(exchange, "Accept");
      String type = header(exchange, "Content-Type");
      HttpRequest.Builder request = HttpRequest.newBuilder(server.uri(target));
      if (!accept.isEmpty()) {
        request.header("Accept", accept);
      }
      if (!type.isEmpty()) {
        request.header("Content-Type", type);
      }
      HttpResponse<byte[]> answer =
          http.send(
              request
                  .method(exchange.getRequestMethod(), HttpRequest.BodyPublishers.ofByteArray(body))
                  .build(),
              HttpResponse.BodyHandlers.ofByteArray());
      boolean isBinary = type.contains("protobuf");
      asked.add(
          new Asked(
              exchange.getRequestMethod(),
              names.hidden(target),
              accept,
              type,
              isBinary,
              isBinary
                  ? Base64.getEncoder().encodeToString(body)
                  : names.hidden(new String(body, UTF_8)),
              answer.statusCode()));
      names.answered(answer.body());
      answer
          .headers()
          .firstValue("Content-Type")
          .ifPresent(value -> exchange.getResponseHeaders().set("Content-Type", value));
      exchange.sendResponseHeaders(
          answer.statusCode(), answer.body().length == 0 ? -1 : answer.body().length);
      exchange.getResponseBody().write(answer.body());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static String header(HttpExchange exchange, String name) {
    return Optional.ofNullable(exchange.getRequestHeaders().getFirst(name)).orElse("");
  }

  @Override
  public void close() {
    proxy.stop(0);
    http.close();
    try {
      Files.createDirectories(file.getParent());
      Files.writeString(
          file,
          JsonMapper.builder()
                  .enable(SerializationFeature.INDENT_OUTPUT)
                  .build()
                  .writeValueAsString(new Scenario(steps))
              + "\n");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
