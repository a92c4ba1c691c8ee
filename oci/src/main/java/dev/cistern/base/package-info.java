/** Types that all modules need and no specification defines. */
@NullMarked
package dev.cistern.base;

import org.jspecify.annotations.NullMarked;
