/** Endpoints for operators: health, readiness, metrics and admin commands. */
@NullMarked
package dev.cistern.server.admin;

import org.jspecify.annotations.NullMarked;
