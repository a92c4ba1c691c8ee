/**
 * Resolution of a requested name to the repository in this store and its pull sources. Pure: no
 * I/O.
 */
@NullMarked
package dev.cistern.mirror.rules;

import org.jspecify.annotations.NullMarked;
