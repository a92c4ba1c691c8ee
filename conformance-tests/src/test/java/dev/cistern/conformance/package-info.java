/** Tests from outside: a server that runs as users run it, real clients, real upstreams. */
@NullMarked
package dev.cistern.conformance;

import org.jspecify.annotations.NullMarked;
