/** The endpoints of the distribution specification, one class for each group. */
@NullMarked
package dev.cistern.server.registry;

import org.jspecify.annotations.NullMarked;
