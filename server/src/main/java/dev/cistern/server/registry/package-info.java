/** The endpoints of the distribution specification, one small class each. */
@NullMarked
package dev.cistern.server.registry;

import org.jspecify.annotations.NullMarked;
