package dev.cistern.server.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.ConnectException;
import java.net.HttpURLConnection;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.nio.file.Path;
import java.util.Optional;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLHandshakeException;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * HTTP access to a server, with a separate request for each question and answers in JSON.
 *
 * @param caFile the file of CA certificates to trust; empty for those of the JDK
 */
record ServerConnection(URI server, Optional<Path> caFile) {
  private static final int CONNECT_MILLIS = 60_000;
  private static final int FIRST_ERROR = 400;

  /** The server's answer. */
  record Answer(int status, JsonNode json) {
    boolean isRefusal() {
      return status >= FIRST_ERROR;
    }
  }

  /** A consumer of a stream of JSON values. */
  interface Listener {
    void hear(JsonNode json) throws IOException;
  }

  /** Sends a request, and returns the whole answer. */
  Answer send(Ask ask, Optional<Login> login) throws IOException {
    return send(ask, login, Optional.empty());
  }

  /**
   * Requests a stream of lines of JSON, and returns when it ends.
   *
   * @return the answer, whose JSON is missing if it was a stream
   */
  Answer follow(Ask ask, Optional<Login> login, Listener listener) throws IOException {
    return send(ask, login, Optional.of(listener));
  }

  private Answer send(Ask ask, Optional<Login> login, Optional<Listener> listener)
      throws IOException {
    var connection = (HttpURLConnection) server.resolve(ask.path()).toURL().openConnection();
    try {
      prepare(connection, ask, login);
      int status = connection.getResponseCode();
      if (listener.isEmpty() || status >= FIRST_ERROR) {
        return new Answer(status, read(connection));
      }
      listen(connection, listener.get());
      return new Answer(status, JsonMapper.shared().missingNode());
    } catch (ConnectException e) {
      throw new IOException("no server answers at " + server + "; --server URL names another", e);
    } catch (SocketTimeoutException e) {
      throw new IOException(
          server + " has not answered in " + ask.patience().toSeconds() + " s", e);
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

  private void prepare(HttpURLConnection connection, Ask ask, Optional<Login> login)
      throws IOException {
    if (connection instanceof HttpsURLConnection https && caFile.isPresent()) {
      https.setSSLSocketFactory(Authorities.trusting(caFile.get()));
    }
    connection.setRequestMethod(ask.method());
    connection.setInstanceFollowRedirects(false);
    connection.setConnectTimeout(CONNECT_MILLIS);
    connection.setReadTimeout((int) ask.patience().toMillis());
    connection.setRequestProperty("Accept", ask.accept());
    login.ifPresent(known -> connection.setRequestProperty("Authorization", known.authorization()));
    if (!ask.body().isEmpty()) {
      connection.setRequestProperty("Content-Type", ask.mediaType());
      connection.setDoOutput(true);
      connection.getOutputStream().write(ask.body().getBytes(UTF_8));
    }
  }

  private JsonNode read(HttpURLConnection connection) throws IOException {
    boolean isError = connection.getResponseCode() >= FIRST_ERROR;
    try (InputStream in = isError ? connection.getErrorStream() : connection.getInputStream()) {
      return JsonMapper.shared().readTree(in == null ? new byte[0] : in.readAllBytes());
    } catch (JacksonException e) {
      throw noCistern(e);
    }
  }

  private void listen(HttpURLConnection connection, Listener listener) throws IOException {
    try (var lines =
        new BufferedReader(new InputStreamReader(connection.getInputStream(), UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        listener.hear(JsonMapper.shared().readTree(line));
      }
    } catch (JacksonException e) {
      throw noCistern(e);
    }
  }

  private IOException noCistern(JacksonException cause) {
    return new IOException(server + " is no Cistern: it does not answer with JSON", cause);
  }
}
