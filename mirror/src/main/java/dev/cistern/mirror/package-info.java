/** Pulls: answers from the store, and fills the store from upstreams while answering. */
@NullMarked
package dev.cistern.mirror;

import org.jspecify.annotations.NullMarked;
