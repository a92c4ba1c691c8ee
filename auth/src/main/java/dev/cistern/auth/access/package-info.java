/** Who asks, and what they may do here: users, tokens, roles and bindings. */
@NullMarked
package dev.cistern.auth.access;

import org.jspecify.annotations.NullMarked;
