/**
 * What commands ask of the API for objects and how they show what it answers, in the words of
 * {@code oc}. Knows neither the command line nor the connection.
 */
@NullMarked
package dev.cistern.server.cli.objects;

import org.jspecify.annotations.NullMarked;
