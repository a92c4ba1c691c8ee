/** From the name in a request to where it is kept and where it comes from. Pure: no I/O. */
@NullMarked
package dev.cistern.mirror.rules;

import org.jspecify.annotations.NullMarked;
