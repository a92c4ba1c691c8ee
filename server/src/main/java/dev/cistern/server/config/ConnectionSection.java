package dev.cistern.server.config;

import dev.cistern.mirror.upstream.ClientCertificate;
import dev.cistern.mirror.upstream.ConnectionSettings;
import dev.cistern.mirror.upstream.HttpProxy;
import dev.cistern.mirror.upstream.Limits;
import dev.cistern.mirror.upstream.ProxyRules;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The parser of the connection settings in an entry of {@code upstreams:}: limits, proxy and client
 * certificate.
 */
final class ConnectionSection {
  private static final String CERTIFICATE = "clientCertificate";
  private static final String KEY = "clientKey";
  private static final int MOST_CONNECTIONS = 10_000;

  private ConnectionSection() {}

  /**
   * Reads the keys about connections.
   *
   * @param proxies the proxies of an entry that sets none
   */
  static ConnectionSettings read(Section upstream, ProxyRules proxies) {
    return new ConnectionSettings(
        upstream.section("limits").map(ConnectionSection::limits).orElse(Limits.DEFAULT),
        upstream.text("proxy").map(text -> proxy(upstream, text)).orElse(proxies),
        certificate(upstream, CERTIFICATE, KEY));
  }

  private static Limits limits(Section section) {
    Limits usual = Limits.DEFAULT;
    int connections = section.count("connections", MOST_CONNECTIONS).orElse(usual.connections());
    var limits =
        new Limits(
            connections,
            section.count("fills", connections).orElse(Math.min(usual.fills(), connections)),
            section.pause("connect").orElse(usual.connect()),
            section.pause("headers").orElse(usual.headers()),
            section.pause("answer").orElse(usual.answer()),
            section.pause("idle").orElse(usual.idle()));
    section.end();
    return limits;
  }

  /** Parses a proxy. The value may contain a password, so no error shows it. */
  private static ProxyRules proxy(Section section, String text) {
    return text.equals("none")
        ? ProxyRules.DIRECT
        : HttpProxy.parse(text)
            .map(ProxyRules::through)
            .orElseThrow(() ->
                section.wrong("proxy", "http://[user:password@]host:port or none is expected"));
  }

  /**
   * Reads a certificate and its key from the files that two keys name. Returns empty if both keys
   * are missing.
   */
  static Optional<ClientCertificate> certificate(
      Section section, String certificateKey, String keyKey) {
    Optional<String> chain = section.text(certificateKey);
    Optional<String> key = section.text(keyKey);
    if (chain.isEmpty() && key.isEmpty()) {
      return Optional.empty();
    }
    if (chain.isEmpty()) {
      throw section.wrong(keyKey, "it needs " + certificateKey + ", the certificate of this key");
    }
    if (key.isEmpty()) {
      throw section.wrong(certificateKey, "it needs " + keyKey + ", the key of this certificate");
    }
    var certificate =
        new ClientCertificate(
            pem(section, certificateKey, chain.get(), ClientCertificate::readChain),
            pem(section, keyKey, key.get(), ClientCertificate::readKey));
    if (!certificate.isWhole()) {
      throw section.wrong(
          keyKey,
          "the key in "
              + key.get()
              + " is not that of the first certificate in "
              + chain.get()
              + "; put the server's own certificate first, and its key here");
    }
    return Optional.of(certificate);
  }

  /** A reader of a PEM file. */
  interface Reader<T> {
    T read(Path file) throws IOException;
  }

  static <T> T pem(Section section, String key, String path, Reader<T> reader) {
    try {
      return reader.read(Path.of(path));
    } catch (NoSuchFileException e) {
      throw section.wrong(key, "the file " + path + " is not there");
    } catch (IOException e) {
      throw section.wrong(key, String.valueOf(e.getMessage()));
    }
  }
}
