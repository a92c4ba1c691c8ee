/** What an operator sees: health, readiness, metrics. */
@NullMarked
package dev.cistern.server.admin;

import org.jspecify.annotations.NullMarked;
