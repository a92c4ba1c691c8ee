package dev.cistern.server;

import dev.cistern.auth.credentials.NamespaceKeyrings;
import dev.cistern.base.MemoryBudget;
import dev.cistern.base.MonotonicClock;
import dev.cistern.mirror.Mirror;
import dev.cistern.mirror.Upstreams;
import dev.cistern.server.access.Bindings;
import dev.cistern.server.access.BrowserGuard;
import dev.cistern.server.access.Gate;
import dev.cistern.server.access.TokenEndpoint;
import dev.cistern.server.admin.Admin;
import dev.cistern.server.admin.AdminParts;
import dev.cistern.server.admin.DrainState;
import dev.cistern.server.admin.StoreChecks;
import dev.cistern.server.admin.Traffic;
import dev.cistern.server.admin.Uncaught;
import dev.cistern.server.api.Api;
import dev.cistern.server.api.ApiParts;
import dev.cistern.server.config.AccessSettings;
import dev.cistern.server.config.Config;
import dev.cistern.server.config.DrainSettings;
import dev.cistern.server.http.Clients;
import dev.cistern.server.http.Descriptors;
import dev.cistern.server.http.HttpServer;
import dev.cistern.server.http.HttpSettings;
import dev.cistern.server.http.LoopPulse;
import dev.cistern.server.objects.ClusterObjects;
import dev.cistern.server.objects.Enforcement;
import dev.cistern.server.registry.Registry;
import dev.cistern.server.streams.Completeness;
import dev.cistern.server.streams.ImportLoop;
import dev.cistern.server.streams.ImportSettings;
import dev.cistern.server.streams.Importer;
import dev.cistern.server.streams.Prefetch;
import dev.cistern.server.streams.PruneSchedule;
import dev.cistern.server.streams.Pruner;
import dev.cistern.server.streams.StreamEditor;
import dev.cistern.server.streams.StreamFollower;
import dev.cistern.server.streams.StreamPushes;
import dev.cistern.server.streams.Streams;
import dev.cistern.server.webhooks.Webhooks;
import dev.cistern.storage.IndexException;
import dev.cistern.storage.Store;
import java.io.Closeable;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A running server and all its objects, which {@link #start} creates. */
public final class Cistern implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Cistern.class);

  /** Maximum time that {@link #drain} takes beyond its delay and timeout unless a part hangs. */
  public static final Duration HANG = Duration.ofSeconds(10);

  private final HttpServer http;
  private final Shutdown shutdown;
  private final ServerDrain drain;

  private Cistern(HttpServer http, Shutdown shutdown, DrainSettings settings) {
    this.http = http;
    this.shutdown = shutdown;
    this.drain = new ServerDrain(shutdown, settings, System::nanoTime);
  }

  /**
   * Builds the object graph and starts to serve. Does not wait for any upstream.
   *
   * @throws IOException if the store cannot be opened or the address cannot be bound
   */
  public static Cistern start(Config config) throws IOException {
    return start(config, Map.of());
  }

  /**
   * Does the same as {@link #start(Config)}, and finds the service manager by the environment.
   *
   * @throws IOException as {@link #start(Config)}
   */
  public static Cistern start(Config config, Map<String, String> environment) throws IOException {
    InstantSource clock = InstantSource.system();
    Store store = Store.open(config.data(), config.limits(), clock, MonotonicClock.SYSTEM);
    try {
      return start(config, environment, store, clock);
    } catch (IndexException e) {
      store.close();
      throw Store.unreadable(config.data(), e);
    } catch (IOException | RuntimeException e) {
      store.close();
      throw e;
    }
  }

  private static Cistern start(
      Config config, Map<String, String> environment, Store store, InstantSource clock)
      throws IOException {
    var uncaught = Uncaught.installed();
    var namespaces = new NamespaceKeyrings();
    var memory = new MemoryBudget(config.clients().memory());
    var upstreams = new Upstreams(config.upstreams(), config.unlisted(), namespaces, clock, memory);
    var gate = new Gate(config.access(), config.tls().isPresent(), clock);
    var objects = new ClusterObjects(store.objects(), clock);
    var rules =
        new LiveRules(
            config,
            upstreams.registries(),
            namespaces,
            gate,
            objects,
            new StoredRules(store.objects()),
            clock);
    var mirror = new Mirror(store, upstreams, rules.apply(), clock, config.mirror());
    Enforcement enforcement = rules.into(mirror::rules);
    Bindings bindings = Bindings.open(store.objects(), gate, clock);
    var webhooks = new Webhooks(config.webhooks(), clock);
    var streams = new Streams(objects, store.repositories(), webhooks.notices());
    mirror.streams(streams::content);
    var pruner = new Pruner(streams, store.repositories(), config.streams().prune(), clock);
    ImportSettings importing = config.streams().imports();
    var importer = new Importer(streams, mirror, clock, importing.mostTags());
    var imports = new ImportLoop(streams, importer, importing, clock);
    var completeness = new Completeness(store.repositories(), store.blobs());
    var prefetch =
        new Prefetch(mirror, completeness, config.streams().prefetch(), importing.interval());
    var follower = new StreamFollower(streams, List.of(imports, prefetch));
    Optional<PruneSchedule> pruning =
        config
            .streams()
            .pruneEvery()
            .map(every -> new PruneSchedule(pruner, every, store.clockJumps()));
    Optional<ScrubSchedule> scrubbing =
        config.scrub().map(how -> new ScrubSchedule(store.scrub(), how, clock));
    var registry =
        new Registry(
            store,
            mirror,
            new StreamPushes(streams, pruner, store.blobs(), clock),
            gate,
            config.knownAs(),
            MonotonicClock.SYSTEM);
    var api =
        Api.of(
            new ApiParts(
                gate,
                objects,
                streams,
                new StreamEditor(streams, clock),
                importer,
                pruner,
                completeness,
                bindings::enforce,
                enforcement,
                clock),
            config.knownAs());
    var checks = new StoreChecks(store, mirror);
    var traffic = new Traffic();
    var draining = new DrainState();
    var clients = new Clients(config.clients(), memory, Descriptors.ofProcess());
    var pulse = new LoopPulse();
    var service =
        new Service(
            new BrowserGuard(
                config.resources().names(),
                config.isLoopbackOnly() && gate.isOpen(),
                gate.isOpen(),
                () -> gate.policy().allowsAnonymousChanges()),
            !gate.isOpen(),
            registry,
            new TokenEndpoint(gate, mirror, clock),
            api,
            new Admin(
                new AdminParts(
                    traffic, uncaught, clients, pulse, store, mirror, gate, bindings, pruner,
                    imports, webhooks, checks, draining, clock)),
            traffic,
            config.accessLog());
    try {
      var settings = new HttpSettings(config.listen(), config.tls());
      HttpServer http = HttpServer.start(settings, clients, pulse, service, clock);
      var housekeeping = new Housekeeping(store, mirror::expireFills, Housekeeping.INTERVAL);
      var work =
          new ArrayList<Closeable>(List.of(housekeeping, follower, imports, prefetch, checks));
      pruning.ifPresent(work::add);
      scrubbing.ifPresent(work::add);
      var shutdown =
          new Shutdown(
              store,
              mirror,
              rules,
              registry,
              draining,
              work,
              List.of(webhooks),
              http,
              uncaught,
              ServiceManager.of(environment, http, pulse, store.indexHealth()));
      rules.follow(enforcement);
      webhooks.start(objects);
      imports.start();
      follower.start();
      pruning.ifPresent(PruneSchedule::start);
      scrubbing.ifPresent(ScrubSchedule::start);
      housekeeping.start();
      return new Cistern(http, shutdown, config.drain());
    } catch (IOException | RuntimeException e) {
      mirror.close();
      throw e;
    }
  }

  /**
   * Logs the address and the main settings, and reports readiness to the service manager. Logs a
   * warning if the server listens beyond loopback without users or without TLS.
   */
  public void tell(Config config) {
    shutdown.manager().ready("serving");
    LOG.atInfo()
        .addKeyValue("address", http.address())
        .addKeyValue("tls", http.encryption())
        .addKeyValue("data", config.data().toAbsolutePath())
        .addKeyValue("upstreams", config.upstreams().size())
        .log("serving");
    if (!http.address().getAddress().isLoopbackAddress()) {
      warn(config);
    }
  }

  private static void warn(Config config) {
    AccessSettings access = config.access();
    if (access.isOpen()) {
      LOG.warn(
          "listening beyond loopback without users: everybody who reaches this address may {};"
              + " configure access:",
          access.anonymous() == AccessSettings.Anonymous.NONE
              ? "do nothing, and nobody else can log in"
              : access.anonymous().name().toLowerCase(Locale.ROOT));
    }
    if (config.tls().isEmpty()) {
      LOG.warn(
          "listening beyond loopback without TLS: whoever is on the way can read and change what is"
              + " pulled and pushed; set tls.certificate and tls.key");
    }
  }

  /** Returns a future that completes with the reason when only a new process can help. */
  public CompletableFuture<String> unrecoverable() {
    return shutdown.store().indexHealth().unrecoverable();
  }

  /** Returns the bound address. */
  public InetSocketAddress address() {
    return http.address();
  }

  /**
   * Waits for responses and pushes to end, up to the configured time, and then closes the server.
   */
  public void drain() throws IOException, InterruptedException {
    drain.run();
  }

  /** Returns the name of the part that {@link #drain} is ending. Safe for any thread. */
  public String drainStep() {
    return drain.step();
  }

  /** Closes the server without waiting for requests in flight. */
  @Override
  public void close() throws IOException {
    shutdown.close();
  }
}
