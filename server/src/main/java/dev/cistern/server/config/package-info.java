/** The configuration, parsed from YAML into validated records. Every error names its line. */
@NullMarked
package dev.cistern.server.config;

import org.jspecify.annotations.NullMarked;
