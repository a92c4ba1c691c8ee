/**
 * Credentials for upstream registries: Docker configuration files, pull secrets and their entries.
 */
@NullMarked
package dev.cistern.auth.credentials;

import org.jspecify.annotations.NullMarked;
