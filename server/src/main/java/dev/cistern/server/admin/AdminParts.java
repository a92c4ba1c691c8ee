package dev.cistern.server.admin;

import dev.cistern.mirror.Mirror;
import dev.cistern.server.access.Bindings;
import dev.cistern.server.access.Gate;
import dev.cistern.server.http.Clients;
import dev.cistern.server.http.LoopPulse;
import dev.cistern.server.streams.ImportLoop;
import dev.cistern.server.streams.Pruner;
import dev.cistern.server.webhooks.Webhooks;
import dev.cistern.storage.Store;
import java.time.InstantSource;

/** The components that the admin endpoints query, and the counters that they export. */
public record AdminParts(
    Traffic traffic,
    Uncaught uncaught,
    Clients clients,
    LoopPulse pulse,
    Store store,
    Mirror mirror,
    Gate gate,
    Bindings bindings,
    Pruner pruner,
    ImportLoop imports,
    Webhooks webhooks,
    StoreChecks checks,
    DrainState drain,
    InstantSource clock) {}
