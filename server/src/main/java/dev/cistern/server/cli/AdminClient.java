package dev.cistern.server.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLHandshakeException;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Option;
import org.apache.commons.cli.Options;
import org.apache.commons.cli.ParseException;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Asks a running server what administrators may ask it, over HTTP. It shows credentials to a server
 * that asks for them, and only then looks for some.
 */
final class AdminClient {
  private static final String SERVER = "server";
  private static final String AUTHFILE = "authfile";
  private static final String CA_FILE = "ca-file";
  private static final String USUAL = "http://127.0.0.1:5000";
  private static final int TIMEOUT_MILLIS = 60_000;
  private static final String JSON = "application/json";
  private static final int UNAUTHORIZED = 401;
  private static final int FORBIDDEN = 403;

  private final URI server;
  private final Optional<Path> caFile;
  private final Logins logins;
  private @Nullable Login login;

  private AdminClient(URI server, Optional<Path> caFile, Logins logins) {
    this.server = server;
    this.caFile = caFile;
    this.logins = logins;
  }

  /** Returns the options that all commands have that ask a server. */
  static Options options() {
    return new Options()
        .addOption(option(SERVER, "URL", "the server to ask (default " + USUAL + ")"))
        .addOption(
            option(
                AUTHFILE,
                "FILE",
                "credentials for it (default $CISTERN_TOKEN, or what podman login and docker login"
                    + " saved)"))
        .addOption(
            option(CA_FILE, "FILE", "who signs its certificate, PEM (default: as the JDK says)"))
        .addOption(Output.option());
  }

  private static Option option(String name, String argument, String description) {
    return ConfigOptions.option(name, argument, description);
  }

  /** Returns the client that the options ask for. */
  static AdminClient of(CommandLine line) throws ParseException {
    URI server = server(line);
    return new AdminClient(
        server,
        Optional.ofNullable(line.getOptionValue(CA_FILE)).map(Path::of),
        new Logins(
            Optional.ofNullable(line.getOptionValue(AUTHFILE)).map(Path::of), System.getenv()));
  }

  private static URI server(CommandLine line) throws ParseException {
    String url = line.getOptionValue(SERVER, USUAL);
    try {
      URI server = URI.create(url);
      boolean isHttp = "http".equals(server.getScheme()) || "https".equals(server.getScheme());
      if (isHttp && server.getHost() != null && server.getRawUserInfo() == null) {
        return server;
      }
    } catch (IllegalArgumentException e) {
      // Not a URI: refused like one of another scheme.
    }
    throw new ParseException(
        "--server: a URL such as "
            + USUAL
            + " is expected, "
            + (url.contains("@") ? "without user and password" : "not " + url));
  }

  /** Returns the server's host as clients name it: with the port, if the URL has one. */
  String host() {
    return server.getRawAuthority();
  }

  JsonNode get(String path, Map<String, String> parameters) throws IOException {
    return send("GET", path + query(parameters), "");
  }

  JsonNode post(String path, JsonNode body) throws IOException {
    return post(path, Map.of(), body);
  }

  JsonNode post(String path, Map<String, String> parameters, JsonNode body) throws IOException {
    return send("POST", path + query(parameters), body.toString());
  }

  private static String query(Map<String, String> parameters) {
    return parameters.isEmpty()
        ? ""
        : parameters.entrySet().stream()
            .map(one -> one.getKey() + "=" + URLEncoder.encode(one.getValue(), UTF_8))
            .collect(Collectors.joining("&", "?", ""));
  }

  /** What the server said. */
  private record Answer(int status, JsonNode json) {}

  private JsonNode send(String method, String path, String body) throws IOException {
    Answer answer = sendOnce(method, path, JSON, body);
    if (answer.status == UNAUTHORIZED && login == null) {
      login = login(answer.json);
      answer = sendOnce(method, path, JSON, body);
    }
    if (answer.status == UNAUTHORIZED) {
      throw new IOException(complaint(answer.json) + as() + "; " + advice());
    }
    if (answer.status == FORBIDDEN) {
      throw new IOException(complaint(answer.json) + as());
    }
    if (answer.status >= 400) {
      throw new IOException(complaint(answer.json));
    }
    return answer.json;
  }

  /** Returns the credentials for this server, or says how to get some. */
  private Login login(JsonNode refusal) throws IOException {
    Logins.Found found = logins.find(host(), server.getScheme().equals("http"));
    if (found.login().isEmpty()) {
      var problems = new StringBuilder();
      found.problems().forEach(problem -> problems.append("; " + problem));
      throw new IOException(
          complaint(refusal) + "; there are no credentials for it: " + advice() + problems);
    }
    Login known = found.login().get();
    return known.identityToken().isEmpty() ? known : exchanged(known);
  }

  /** Returns a token for what docker login has saved (OAuth2 of the distribution project). */
  private Login exchanged(Login known) throws IOException {
    String form =
        "grant_type=refresh_token&scope=registry:admin:*&refresh_token="
            + URLEncoder.encode(known.identityToken(), UTF_8);
    Answer answer = sendOnce("POST", "/token", "application/x-www-form-urlencoded", form);
    if (answer.status >= 400) {
      throw new IOException(
          complaint(answer.json) + " (asked with " + known.source() + "); " + advice());
    }
    return known.with(answer.json.path("access_token").asString());
  }

  private String as() {
    return login == null ? "" : " (asked with " + login.source() + ")";
  }

  private String advice() {
    return "podman login "
        + host()
        + ", docker login "
        + host()
        + ", or cistern registry login --registry "
        + host()
        + " --auth-basic USER:PASSWORD --to FILE and --authfile FILE; or a service account's token"
        + " in CISTERN_TOKEN";
  }

  private Answer sendOnce(String method, String path, String type, String body) throws IOException {
    var connection = (HttpURLConnection) server.resolve(path).toURL().openConnection();
    try {
      if (connection instanceof HttpsURLConnection https && caFile.isPresent()) {
        https.setSSLSocketFactory(Authorities.trusting(caFile.get()));
      }
      connection.setRequestMethod(method);
      connection.setInstanceFollowRedirects(false);
      connection.setConnectTimeout(TIMEOUT_MILLIS);
      connection.setReadTimeout(TIMEOUT_MILLIS);
      if (login != null) {
        connection.setRequestProperty("Authorization", login.authorization());
      }
      if (!body.isEmpty()) {
        connection.setRequestProperty("Content-Type", type);
        connection.setDoOutput(true);
        connection.getOutputStream().write(body.getBytes(UTF_8));
      }
      return new Answer(connection.getResponseCode(), read(connection));
    } catch (ConnectException e) {
      throw new IOException("no server answers at " + server + "; --server URL names another", e);
    } catch (SSLHandshakeException e) {
      throw new IOException(
          "the certificate of "
              + server
              + " is not trusted: "
              + e.getMessage()
              + "; --ca-file FILE says who signs it",
          e);
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
