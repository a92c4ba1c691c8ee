package dev.cistern.server.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.URLEncoder;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Option;
import org.apache.commons.cli.Options;
import org.apache.commons.cli.ParseException;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Asks a running server what administrators may ask it, over HTTP. */
final class AdminClient {
  private static final String SERVER = "server";
  private static final String USUAL = "http://127.0.0.1:5000";
  private static final int TIMEOUT_MILLIS = 60_000;

  private final URI server;

  private AdminClient(URI server) {
    this.server = server;
  }

  /** Returns the options that all commands have that ask a server. */
  static Options options() {
    return new Options()
        .addOption(
            Option.builder()
                .longOpt(SERVER)
                .hasArg()
                .argName("URL")
                .desc("the server to ask (default " + USUAL + ")")
                .get())
        .addOption(Output.option());
  }

  /** Returns the client that the options ask for. */
  static AdminClient of(CommandLine line) throws ParseException {
    String url = line.getOptionValue(SERVER, USUAL);
    try {
      URI server = URI.create(url);
      if ("http".equals(server.getScheme()) || "https".equals(server.getScheme())) {
        return new AdminClient(server);
      }
    } catch (IllegalArgumentException e) {
      // Not a URI: refused like one of another scheme.
    }
    throw new ParseException("--server: a URL such as " + USUAL + " is expected, not " + url);
  }

  JsonNode get(String path, String parameter, String value) throws IOException {
    return send("GET", path + "?" + parameter + "=" + URLEncoder.encode(value, UTF_8), "");
  }

  JsonNode post(String path, JsonNode body) throws IOException {
    return send("POST", path, body.toString());
  }

  private JsonNode send(String method, String path, String body) throws IOException {
    var connection = (HttpURLConnection) server.resolve(path).toURL().openConnection();
    try {
      connection.setRequestMethod(method);
      connection.setReadTimeout(TIMEOUT_MILLIS);
      if (!body.isEmpty()) {
        connection.setRequestProperty("Content-Type", "application/json");
        connection.setDoOutput(true);
        connection.getOutputStream().write(body.getBytes(UTF_8));
      }
      JsonNode answer = read(connection);
      if (connection.getResponseCode() >= 400) {
        throw new IOException(complaint(answer));
      }
      return answer;
    } catch (ConnectException e) {
      throw new IOException("no server answers at " + server + "; --server URL names another", e);
    } finally {
      connection.disconnect();
    }
  }

  private JsonNode read(HttpURLConnection connection) throws IOException {
    boolean isError = connection.getResponseCode() >= 400;
    try (InputStream in = isError ? connection.getErrorStream() : connection.getInputStream()) {
      return JsonMapper.shared().readTree(in == null ? new byte[0] : in.readAllBytes());
    } catch (JacksonException e) {
      throw new IOException(server + " is no Cistern: it does not answer with JSON", e);
    }
  }

  private static String complaint(JsonNode answer) {
    JsonNode error = answer.path("errors").path(0);
    String advice = error.path("detail").path("advice").asString("");
    return error.path("message").asString("refused") + (advice.isEmpty() ? "" : "; " + advice);
  }
}
