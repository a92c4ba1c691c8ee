package dev.cistern.server.http;

import java.net.InetSocketAddress;
import java.time.Duration;

/**
 * Where the server listens and what it bears.
 *
 * @param idle after which time without a byte in either direction a connection is closed
 */
public record HttpSettings(InetSocketAddress listen, Duration idle) {}
