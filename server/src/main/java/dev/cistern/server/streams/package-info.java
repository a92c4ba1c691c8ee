/**
 * Image streams: what their tags come from and what they were, import, tracking, schedule and
 * pruning. Knows the objects and the mirror, and no HTTP.
 */
@NullMarked
package dev.cistern.server.streams;

import org.jspecify.annotations.NullMarked;
