package dev.cistern.server.http;

import java.net.InetSocketAddress;
import java.util.Optional;

/**
 * Where the server listens and how.
 *
 * @param tls how it speaks TLS; without it, HTTP in clear
 */
public record HttpSettings(InetSocketAddress listen, Optional<TlsSettings> tls) {}
