/** Authentication and authorization of clients: users, tokens, roles and bindings. */
@NullMarked
package dev.cistern.auth.access;

import org.jspecify.annotations.NullMarked;
