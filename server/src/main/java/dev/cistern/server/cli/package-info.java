/** The commands. */
@NullMarked
package dev.cistern.server.cli;

import org.jspecify.annotations.NullMarked;
