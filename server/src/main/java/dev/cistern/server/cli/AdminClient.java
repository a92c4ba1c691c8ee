package dev.cistern.server.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cistern.server.cli.ServerConnection.Answer;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Option;
import org.apache.commons.cli.Options;
import org.apache.commons.cli.ParseException;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * Client of the administrative endpoints of a running server, over HTTP. It looks for credentials
 * only if the server requires them.
 */
final class AdminClient {
  private static final String SERVER = "server";
  private static final String AUTHFILE = "authfile";
  private static final String CA_FILE = "ca-file";
  private static final String USUAL = "http://127.0.0.1:5000";
  private static final String FOR_ALL = "scope=registry:admin:*";
  private static final int UNAUTHORIZED = 401;
  private static final int FORBIDDEN = 403;

  private final ServerConnection connection;
  private final Logins logins;
  private @Nullable Login login;

  private AdminClient(ServerConnection connection, Logins logins) {
    this.connection = connection;
    this.logins = logins;
  }

  /** Returns the options of all commands that ask a server and print its answer. */
  static Options options() {
    return connectionOptions().addOption(Output.option());
  }

  /** Returns the options that select the server and the credentials for it. */
  static Options connectionOptions() {
    return new Options()
        .addOption(option(SERVER, "URL", "the server to ask (default " + USUAL + ")"))
        .addOption(
            option(
                AUTHFILE,
                "FILE",
                "credentials for it (default $CISTERN_TOKEN, or what podman login and docker login"
                    + " saved)"))
        .addOption(
            option(CA_FILE, "FILE", "who signs its certificate, PEM (default: as the JDK says)"));
  }

  private static Option option(String name, String argument, String description) {
    return ConfigOptions.option(name, argument, description);
  }

  /** Returns the client for the given options. */
  static AdminClient of(CommandLine line) throws ParseException {
    return new AdminClient(
        new ServerConnection(
            server(line), Optional.ofNullable(line.getOptionValue(CA_FILE)).map(Path::of)),
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
      // not a URI, rejected below like a URL with another scheme
    }
    throw new ParseException(
        "--server: a URL such as "
            + USUAL
            + " is expected, "
            + (url.contains("@") ? "without user and password" : "not " + url));
  }

  /** Returns the server's host as clients name it, with the port if the URL has one. */
  String host() {
    return connection.server().getRawAuthority();
  }

  JsonNode get(String path, Map<String, String> parameters) throws IOException {
    return ask(Ask.get(path + query(parameters)));
  }

  JsonNode post(String path, JsonNode body) throws IOException {
    return post(path, Map.of(), body);
  }

  JsonNode post(String path, Map<String, String> parameters, JsonNode body) throws IOException {
    return ask(Ask.send("POST", path + query(parameters), body));
  }

  static String query(Map<String, String> parameters) {
    return parameters.isEmpty()
        ? ""
        : parameters.entrySet().stream()
            .map(one -> one.getKey() + "=" + URLEncoder.encode(one.getValue(), UTF_8))
            .collect(Collectors.joining("&", "?", ""));
  }

  /**
   * Sends a request, with credentials if the server requires them.
   *
   * @throws StatusException if the object API rejects the request
   * @throws IOException if there is no answer, or another rejection
   */
  JsonNode ask(Ask ask) throws IOException {
    return asked(() -> connection.send(ask, Optional.ofNullable(login)));
  }

  /** Requests a stream of lines, and returns when it ends. */
  void follow(Ask ask, ServerConnection.Listener listener) throws IOException {
    asked(() -> connection.follow(ask, Optional.ofNullable(login), listener));
  }

  /** One attempt to send a request. */
  private interface Asking {
    Answer send() throws IOException;
  }

  private JsonNode asked(Asking asking) throws IOException {
    Answer answer = asking.send();
    if (login == null && wantsLogin(answer)) {
      answer = asking.send();
    }
    if (!answer.isRefusal()) {
      return answer.json();
    }
    if (answer.status() == UNAUTHORIZED) {
      throw new IOException(complaint(answer.json()) + as() + "; " + advice());
    }
    String as = answer.status() == FORBIDDEN ? as() + adviceForAnonymous(answer.json()) : "";
    throw StatusException.isOne(answer.json())
        ? StatusException.of(answer.json(), as)
        : new IOException(complaint(answer.json()) + as);
  }

  /**
   * Looks for credentials if the server requires them, and returns whether there are any to send.
   * The object API answers anonymous requests without permission with 403 instead of 401.
   */
  private boolean wantsLogin(Answer answer) throws IOException {
    if (answer.status() == FORBIDDEN && StatusException.isOne(answer.json())) {
      Optional<Login> known = logins.find(host(), isHttp()).login();
      login = known.isEmpty() ? null : usable(known.get());
    } else if (answer.status() == UNAUTHORIZED) {
      login = login(answer.json());
    }
    return login != null;
  }

  /** Returns the advice to log in, if the request was anonymous and therefore denied. */
  private String adviceForAnonymous(JsonNode refusal) {
    return login == null && complaint(refusal).contains("User \"system:anonymous\"")
        ? "; there are no credentials for it: " + advice()
        : "";
  }

  /** Returns the URL of the server. */
  URI url() {
    return connection.server();
  }

  /** Returns the file of CA certificates to trust, if one was given. */
  Optional<Path> caFile() {
    return connection.caFile();
  }

  /** Returns whether the server is used without TLS. */
  boolean isHttp() {
    return connection.server().getScheme().equals("http");
  }

  /**
   * Returns the credentials for this server.
   *
   * @throws IOException if there are none; its message tells how to get some
   */
  private Login login(JsonNode refusal) throws IOException {
    Logins.Found found = logins.find(host(), isHttp());
    if (found.login().isEmpty()) {
      var problems = new StringBuilder();
      found.problems().forEach(problem -> problems.append("; " + problem));
      throw new IOException(
          complaint(refusal) + "; there are no credentials for it: " + advice() + problems);
    }
    return usable(found.login().get());
  }

  private Login usable(Login known) throws IOException {
    return known.identityToken().isEmpty() ? known : known.with(refreshed(known).text());
  }

  /**
   * A token for all permissions of its owner.
   *
   * @param seconds the remaining lifetime in seconds; 0 if unknown
   */
  record Token(String text, long seconds) {}

  /** Returns a token for the saved credentials for this server, if there are any. */
  Optional<Token> token() throws IOException {
    Optional<Login> known = logins.find(host(), isHttp()).login();
    if (known.isEmpty()) {
      return Optional.empty();
    }
    Login login = known.get();
    if (login.token().isPresent()) {
      return Optional.of(new Token(login.token().get(), 0));
    }
    return Optional.of(
        login.identityToken().isEmpty()
            ? token(login, connection.send(Ask.get("/token?" + FOR_ALL), Optional.of(login)))
            : refreshed(login));
  }

  private Token token(Login known, Answer answer) throws IOException {
    if (answer.isRefusal()) {
      throw new IOException(
          complaint(answer.json()) + " (asked with " + known.source() + "); " + advice());
    }
    return new Token(
        answer.json().path("access_token").asString(""),
        answer.json().path("expires_in").asLong(0));
  }

  /**
   * Returns a token for the identity token that docker login has saved (OAuth2 of the distribution
   * project).
   */
  private Token refreshed(Login known) throws IOException {
    String form =
        "grant_type=refresh_token&"
            + FOR_ALL
            + "&refresh_token="
            + URLEncoder.encode(known.identityToken(), UTF_8);
    return token(known, connection.send(Ask.form("/token", form), Optional.empty()));
  }

  private String as() {
    return login == null ? "" : " (asked with " + login.source() + ")";
  }

  /** Returns the advice how to get credentials. */
  String advice() {
    return "podman login "
        + host()
        + ", docker login "
        + host()
        + ", or cistern registry login --registry "
        + host()
        + " --auth-basic USER:PASSWORD --to FILE and --authfile FILE; or a service account's token"
        + " in CISTERN_TOKEN";
  }

  /** Returns the message of an error of the distribution specification, or of a {@code Status}. */
  private static String complaint(JsonNode answer) {
    JsonNode error = answer.path("errors").path(0);
    String advice = error.path("detail").path("advice").asString("");
    String message = answer.path("message").asString("refused");
    return error.path("message").asString(message) + (advice.isEmpty() ? "" : "; " + advice);
  }
}
