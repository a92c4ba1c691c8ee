/**
 * The cluster API over HTTP for {@code oc} and {@code kubectl}: discovery, one class per kind of
 * object, lists, watches, tables and error responses.
 */
@NullMarked
package dev.cistern.server.api;

import org.jspecify.annotations.NullMarked;
