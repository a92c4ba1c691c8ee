package dev.cistern.mirror.upstream;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;

/** A web server on loopback that answers what a test says, and remembers what it was asked. */
final class AskedService implements AutoCloseable {
  private final HttpServer server;
  private final List<Asked> asked = new CopyOnWriteArrayList<>();
  private volatile Function<Asked, Said> answers;

  /** A request. */
  record Asked(String method, String target, Optional<String> authorization, String body) {}

  /** An answer. */
  record Said(int status, Map<String, String> headers, String body) {
    static Said of(int status) {
      return new Said(status, Map.of(), "");
    }

    static Said challenge(String challenge) {
      return new Said(401, Map.of("WWW-Authenticate", challenge), "");
    }

    static Said token(String token, long seconds) {
      return new Said(
          200, Map.of(), "{\"token\":\"" + token + "\",\"expires_in\":" + seconds + "}");
    }
  }

  private AskedService(HttpServer server, Function<Asked, Said> answers) {
    this.server = server;
    this.answers = answers;
  }

  /** Starts one on an address of loopback. */
  static AskedService start(String address, Function<Asked, Said> answers) {
    try {
      HttpServer server = HttpServer.create(new InetSocketAddress(address, 0), 0);
      var service = new AskedService(server, answers);
      server.createContext("/", service::answer);
      server.start();
      return service;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  void answer(Function<Asked, Said> others) {
    answers = others;
  }

  String host() {
    return server.getAddress().getAddress().getHostAddress() + ":" + server.getAddress().getPort();
  }

  String url() {
    return "http://" + host();
  }

  /** Returns what it was asked since this was called before. */
  List<Asked> asked() {
    List<Asked> all = List.copyOf(asked);
    asked.clear();
    return all;
  }

  /** Returns the Authorization headers since this was called before, "" for none. */
  List<String> presented() {
    return asked().stream().map(question -> question.authorization().orElse("")).toList();
  }

  @Override
  public void close() {
    server.stop(0);
  }

  private void answer(HttpExchange exchange) throws IOException {
    try (exchange) {
      var question =
          new Asked(
              exchange.getRequestMethod(),
              exchange.getRequestURI().toString(),
              Optional.ofNullable(exchange.getRequestHeaders().getFirst("Authorization")),
              new String(exchange.getRequestBody().readAllBytes(), UTF_8));
      Said said = answers.apply(question);
      asked.add(question);
      said.headers().forEach(exchange.getResponseHeaders()::set);
      byte[] body = said.body().getBytes(UTF_8);
      exchange.sendResponseHeaders(said.status(), body.length == 0 ? -1 : body.length);
      exchange.getResponseBody().write(body);
    }
  }
}
