/**
 * What this server presents to upstream registries: docker configuration files and their entries.
 */
@NullMarked
package dev.cistern.auth.credentials;

import org.jspecify.annotations.NullMarked;
