/**
 * Objects of the cluster's API as JSON: their kinds, how they are named, stored, selected, patched
 * and refused. Knows no HTTP.
 */
@NullMarked
package dev.cistern.server.objects;

import org.jspecify.annotations.NullMarked;
