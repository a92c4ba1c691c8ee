/** The server program, which builds the object graph and runs it. */
@NullMarked
package dev.cistern.server;

import org.jspecify.annotations.NullMarked;
