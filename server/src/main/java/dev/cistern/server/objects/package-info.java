/**
 * Objects of the cluster's API as JSON: their kinds, names, storage, selectors, patches and errors.
 * Does not depend on HTTP.
 */
@NullMarked
package dev.cistern.server.objects;

import org.jspecify.annotations.NullMarked;
