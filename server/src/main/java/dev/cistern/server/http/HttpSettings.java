package dev.cistern.server.http;

import java.net.InetSocketAddress;
import java.util.Optional;

/**
 * The address that the server listens on, and its TLS settings.
 *
 * @param tls the TLS settings; plain HTTP without them
 */
public record HttpSettings(InetSocketAddress listen, Optional<TlsSettings> tls) {}
