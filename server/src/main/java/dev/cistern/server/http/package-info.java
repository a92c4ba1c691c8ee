/**
 * The HTTP/1.1 server, on Netty: pipeline, limits, one response writer. The only package that uses
 * Netty.
 */
@NullMarked
package dev.cistern.server.http;

import org.jspecify.annotations.NullMarked;
