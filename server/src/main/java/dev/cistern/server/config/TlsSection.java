package dev.cistern.server.config;

import dev.cistern.mirror.upstream.ClientCertificate;
import dev.cistern.server.http.TlsSettings;
import java.nio.file.Path;
import java.util.Optional;

/** The parser of {@code tls:}, which also checks that its files are valid. */
final class TlsSection {
  private static final String CERTIFICATE = "certificate";
  private static final String KEY = "key";
  private static final String CLIENT_CA = "clientCa";
  private static final String CLIENT_AUTH = "clientAuth";

  private TlsSection() {}

  static TlsSettings read(Section section) {
    Path certificate = Path.of(section.required(CERTIFICATE));
    Path key = Path.of(section.required(KEY));
    ConnectionSection.certificate(section, CERTIFICATE, KEY);
    Optional<String> clientCa = section.text(CLIENT_CA);
    clientCa.ifPresent(
        file -> ConnectionSection.pem(section, CLIENT_CA, file, ClientCertificate::readChain));
    var settings =
        new TlsSettings(
            certificate,
            key,
            clientCa.map(Path::of),
            clientAuth(section, clientCa.isPresent()),
            provider(section),
            section
                .text("redirect")
                .map(text ->
                    ConfigDraft.address(text)
                        .orElseThrow(() ->
                            section.wrong(
                                "redirect", "HOST:PORT is expected, such as 127.0.0.1:80"))));
    section.end();
    return settings;
  }

  /**
   * Reads {@code clientAuth}. The default is optional if certificate authorities are configured,
   * and none otherwise.
   */
  private static TlsSettings.ClientAuth clientAuth(Section section, boolean hasAuthorities) {
    Optional<String> text = section.text(CLIENT_AUTH);
    TlsSettings.ClientAuth wanted =
        text.isEmpty()
            ? (hasAuthorities ? TlsSettings.ClientAuth.OPTIONAL : TlsSettings.ClientAuth.NONE)
            : switch (text.get()) {
              case "none" -> TlsSettings.ClientAuth.NONE;
              case "optional" -> TlsSettings.ClientAuth.OPTIONAL;
              case "require" -> TlsSettings.ClientAuth.REQUIRE;
              default -> throw section.wrong(CLIENT_AUTH, "none, optional or require is expected");
            };
    if (wanted != TlsSettings.ClientAuth.NONE && !hasAuthorities) {
      throw section.wrong(
          CLIENT_AUTH, "it needs " + CLIENT_CA + ", the authorities of clients' certificates");
    }
    if (wanted == TlsSettings.ClientAuth.NONE && hasAuthorities) {
      throw section.wrong(CLIENT_CA, "it is of no use with " + CLIENT_AUTH + ": none");
    }
    return wanted;
  }

  private static TlsSettings.Provider provider(Section section) {
    return section
        .text("provider")
        .map(text ->
            switch (text) {
              case "boringssl" -> TlsSettings.Provider.BORINGSSL;
              case "jdk" -> TlsSettings.Provider.JDK;
              default ->
                  throw section.wrong(
                      "provider",
                      "boringssl or jdk is expected; without the key, what is best here");
            })
        .orElse(TlsSettings.Provider.BEST);
  }
}
