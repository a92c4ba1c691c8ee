package dev.cistern.mirror.rules;

import dev.cistern.oci.RepositoryName;

/**
 * A repository of an upstream.
 *
 * @param upstream the upstream's name in the configuration
 */
public record PullSource(String upstream, RepositoryName repository) {}
