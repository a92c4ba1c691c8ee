/**
 * HTTP/1.1 in and out, on Netty: pipeline, limits, one reply writer. The only package that sees it.
 */
@NullMarked
package dev.cistern.server.http;

import org.jspecify.annotations.NullMarked;
