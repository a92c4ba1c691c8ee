/** Who a request is from and what it may do: the gate before all endpoints, and the tokens' own. */
@NullMarked
package dev.cistern.server.access;

import org.jspecify.annotations.NullMarked;
