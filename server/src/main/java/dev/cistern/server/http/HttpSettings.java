package dev.cistern.server.http;

import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Optional;

/**
 * Where the server listens and what it bears.
 *
 * @param tls how it speaks TLS; without it, HTTP in clear
 * @param idle after which time without a byte in either direction a connection is closed
 */
public record HttpSettings(InetSocketAddress listen, Optional<TlsSettings> tls, Duration idle) {}
