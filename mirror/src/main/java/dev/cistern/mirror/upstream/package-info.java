/** A client of the distribution protocol: challenges, tokens, redirects, ranges. */
@NullMarked
package dev.cistern.mirror.upstream;

import org.jspecify.annotations.NullMarked;
