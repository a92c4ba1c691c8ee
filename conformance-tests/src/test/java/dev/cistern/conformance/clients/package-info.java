/** The clients people have, against a running server: skopeo, podman, containerd, docker. */
@NullMarked
package dev.cistern.conformance.clients;

import org.jspecify.annotations.NullMarked;
