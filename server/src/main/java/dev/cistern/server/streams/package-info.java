/**
 * Image streams with the sources and histories of their tags, imports, tracking, schedules and
 * pruning. The package uses the objects and the mirror, but not HTTP.
 */
@NullMarked
package dev.cistern.server.streams;

import org.jspecify.annotations.NullMarked;
