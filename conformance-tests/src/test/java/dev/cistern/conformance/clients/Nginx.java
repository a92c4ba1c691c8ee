package dev.cistern.conformance.clients;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;

/** nginx, which speaks TLS before a server that does not. */
final class Nginx implements AutoCloseable {
  private final Daemon daemon;

  private Nginx(Daemon daemon) {
    this.daemon = daemon;
  }

  /**
   * Starts one.
   *
   * @param listen {@code 127.0.0.1:PORT}
   * @param backend {@code host:port} of what speaks plain HTTP
   */
  static Nginx start(Path directory, String listen, String backend, Certificate certificate) {
    String configuration =
        """
        daemon off;
        pid %1$s/nginx.pid;
        error_log stderr;
        events {}
        http {
          access_log off;
          client_body_temp_path %1$s/body;
          proxy_temp_path %1$s/proxy;
          fastcgi_temp_path %1$s/fastcgi;
          uwsgi_temp_path %1$s/uwsgi;
          scgi_temp_path %1$s/scgi;
          server {
            listen %2$s ssl;
            ssl_certificate %4$s;
            ssl_certificate_key %5$s;
            location / {
              proxy_pass http://%3$s;
              proxy_http_version 1.1;
              proxy_set_header Host $http_host;
            }
          }
        }
        """
            .formatted(directory, listen, backend, certificate.file(), certificate.key());
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
