package dev.cistern.conformance.clients;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;

/** nginx: one that speaks TLS before a server that does not, or one that serves files. */
final class Nginx implements AutoCloseable {
  private static final String TLS =
      """
      listen %s ssl;
      ssl_certificate %s;
      ssl_certificate_key %s;
      """;

  private final Daemon daemon;

  private Nginx(Daemon daemon) {
    this.daemon = daemon;
  }

  /**
   * Starts one before another server.
   *
   * @param listen {@code 127.0.0.1:PORT}
   * @param backend {@code host:port} of what speaks plain HTTP
   */
  static Nginx start(Path directory, String listen, String backend, Certificate certificate) {
    return start(
        directory,
        listen,
        TLS.formatted(listen, certificate.file(), certificate.key()),
        """
        proxy_pass http://%s;
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        """
            .formatted(backend));
  }

  /**
   * Starts one that serves the files below {@code root}, in clear and over TLS.
   *
   * @param clear {@code 127.0.0.1:PORT}
   * @param encrypted {@code 127.0.0.1:PORT}
   */
  static Nginx files(
      Path directory, String clear, String encrypted, Path root, Path certificate, Path key) {
    return start(
        directory,
        clear,
        "listen " + clear + ";" + TLS.formatted(encrypted, certificate, key),
        "root " + root + ";");
  }

  private static Nginx start(Path directory, String listen, String listens, String location) {
    String configuration =
        """
        daemon off;
        user root;
        worker_processes 2;
        pid %1$s/nginx.pid;
        error_log stderr;
        events {}
        http {
          access_log off;
          sendfile on;
          tcp_nopush on;
          keepalive_requests 1000000000;
          client_body_temp_path %1$s/body;
          proxy_temp_path %1$s/proxy;
          fastcgi_temp_path %1$s/fastcgi;
          uwsgi_temp_path %1$s/uwsgi;
          scgi_temp_path %1$s/scgi;
          server {
            %2$s
            location / { %3$s }
          }
        }
        """
            .formatted(directory, listens, location);
    try {
      Files.createDirectories(directory);
      Path file = Files.writeString(directory.resolve("nginx.conf"), configuration);
      Daemon daemon =
          Daemon.start(
              directory,
              Command.of("nginx", "-e", "stderr", "-p", directory.toString())
                  .and("-c", file.toString()));
      return new Nginx(daemon.awaitReady(() -> isListening(listen)));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the process that has started the others. */
  ProcessHandle process() {
    return daemon.process();
  }

  private static boolean isListening(String address) {
    int colon = address.indexOf(':');
    try (Socket socket =
        new Socket(address.substring(0, colon), Integer.parseInt(address.substring(colon + 1)))) {
      return socket.isConnected();
    } catch (IOException notYet) {
      return false;
    }
  }

  @Override
  public void close() {
    daemon.close();
  }
}
