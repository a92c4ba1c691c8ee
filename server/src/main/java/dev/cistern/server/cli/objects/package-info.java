/**
 * Requests of commands to the object API, and the output of its answers with the words of {@code
 * oc}. The package depends neither on the command line nor on the connection.
 */
@NullMarked
package dev.cistern.server.cli.objects;

import org.jspecify.annotations.NullMarked;
