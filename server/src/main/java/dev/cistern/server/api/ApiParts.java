package dev.cistern.server.api;

import dev.cistern.server.access.Gate;
import dev.cistern.server.objects.ClusterObjects;
import dev.cistern.server.objects.Enforcement;
import dev.cistern.server.streams.Completeness;
import dev.cistern.server.streams.Importer;
import dev.cistern.server.streams.Pruner;
import dev.cistern.server.streams.StreamEditor;
import dev.cistern.server.streams.Streams;
import java.time.InstantSource;

/**
 * The components of the API.
 *
 * @param access the enforcement of roles, bindings and groups
 * @param rules the enforcement of mirror sets and secrets
 */
public record ApiParts(
    Gate gate,
    ClusterObjects objects,
    Streams streams,
    StreamEditor editor,
    Importer importer,
    Pruner pruner,
    Completeness completeness,
    Enforcement access,
    Enforcement rules,
    InstantSource clock) {}
