/** Values of the OCI image and distribution specifications. Immutable, parsed once, no I/O. */
@NullMarked
package dev.cistern.oci;

import org.jspecify.annotations.NullMarked;
