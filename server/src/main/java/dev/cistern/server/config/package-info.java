/** The configuration: YAML to checked records, with the line in every complaint. */
@NullMarked
package dev.cistern.server.config;

import org.jspecify.annotations.NullMarked;
