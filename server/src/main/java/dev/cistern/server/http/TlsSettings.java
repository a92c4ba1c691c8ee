package dev.cistern.server.http;

import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The TLS settings of the server. The files are PEM, and are reloaded when they change.
 *
 * @param certificate the certificate of the server, followed by its chain to an authority
 * @param key the key of the server's certificate, without a password
 * @param clientCa the authorities that must have issued client certificates
 * @param redirect the address where requests over plain HTTP are redirected to https
 */
public record TlsSettings(
    Path certificate,
    Path key,
    Optional<Path> clientCa,
    ClientAuth clientAuth,
    Provider provider,
    Optional<InetSocketAddress> redirect) {
  /** The requirement for client certificates. */
  public enum ClientAuth {
    NONE,
    OPTIONAL,
    REQUIRE
  }

  /** The TLS implementation. */
  public enum Provider {
    /** BoringSSL where it runs, otherwise the JDK. */
    BEST,
    BORINGSSL,
    JDK
  }
}
