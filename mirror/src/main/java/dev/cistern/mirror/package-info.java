/** Answers from the store, or fills it while answering. */
@NullMarked
package dev.cistern.mirror;

import org.jspecify.annotations.NullMarked;
