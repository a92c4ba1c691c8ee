package dev.cistern.server.http;

import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.Optional;

/**
 * How the server speaks TLS. The files are PEM, and read anew when they change.
 *
 * @param certificate the server's own certificate, then those that lead to an authority
 * @param key the key of the first of them, without a password
 * @param clientCa the authorities that certificates of clients must come from
 * @param redirect where requests over plain HTTP are sent on to https
 */
public record TlsSettings(
    Path certificate,
    Path key,
    Optional<Path> clientCa,
    ClientAuth clientAuth,
    Provider provider,
    Optional<InetSocketAddress> redirect) {
  /** Whether clients show a certificate. */
  public enum ClientAuth {
    NONE,
    OPTIONAL,
    REQUIRE
  }

  /** What encrypts. */
  public enum Provider {
    /** BoringSSL where it runs, otherwise the JDK. */
    BEST,
    BORINGSSL,
    JDK
  }
}
