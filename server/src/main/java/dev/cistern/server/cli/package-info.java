/** The commands of the program {@code cistern}. */
@NullMarked
package dev.cistern.server.cli;

import org.jspecify.annotations.NullMarked;
