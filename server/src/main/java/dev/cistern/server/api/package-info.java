/**
 * The cluster's API over HTTP, as {@code oc} and {@code kubectl} speak it: discovery, one class per
 * kind of object, lists, watches, tables and refusals.
 */
@NullMarked
package dev.cistern.server.api;

import org.jspecify.annotations.NullMarked;
