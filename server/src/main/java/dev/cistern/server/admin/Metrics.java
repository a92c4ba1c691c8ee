package dev.cistern.server.admin;

import dev.cistern.base.ClockJumps;
import dev.cistern.base.MemoryBudget;
import dev.cistern.mirror.CacheStatus;
import dev.cistern.mirror.Mirror;
import dev.cistern.mirror.upstream.RateLimit;
import dev.cistern.server.http.Clients;
import dev.cistern.server.http.Refusal;
import dev.cistern.server.streams.ImportLoop;
import dev.cistern.server.webhooks.Webhooks;
import dev.cistern.storage.DamagedContent;
import dev.cistern.storage.Origin;
import dev.cistern.storage.Scrub;
import dev.cistern.storage.StorageError;
import dev.cistern.storage.Store;
import dev.cistern.storage.WriteTimes;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.FunctionTimer;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.core.instrument.binder.system.UptimeMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.prometheus.metrics.model.snapshots.ClassicHistogramBuckets;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot;
import io.prometheus.metrics.model.snapshots.MetricSnapshot;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.ToDoubleFunction;
import java.util.function.ToLongFunction;

/**
 * The metrics in the text format of Prometheus. They are created at the first request for them, so
 * that they do not delay the start. No metric has a label for repository or digest.
 */
final class Metrics {
  private final PrometheusMeterRegistry registry =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private final Mirror mirror;
  private final MultiGauge limit =
      MultiGauge.builder("cistern.upstream.ratelimit.limit")
          .description("Requests that the upstream allows in a window, as it said last")
          .register(registry);
  private final MultiGauge remaining =
      MultiGauge.builder("cistern.upstream.ratelimit.remaining")
          .description("Requests that the upstream still allows, as it said last")
          .register(registry);

  Metrics(AdminParts parts, Readiness readiness) {
    this.mirror = parts.mirror();
    Traffic traffic = parts.traffic();
    Clients clients = parts.clients();
    for (int hundreds = 1; hundreds <= 5; hundreds++) {
      int status = hundreds;
      count(
          "cistern.requests",
          "Requests answered",
          "status",
          status + "xx",
          traffic,
          t -> t.withStatusClass(status));
    }
    for (CacheStatus.Outcome outcome : CacheStatus.Outcome.values()) {
      count(
          "cistern.cache",
          "Answers by what the cache did",
          "outcome",
          outcome.word(),
          traffic,
          t -> t.withOutcome(outcome));
    }
    FunctionTimer.builder(
            "cistern.request.duration",
            traffic,
            Traffic::requests,
            Traffic::nanos,
            TimeUnit.NANOSECONDS)
        .description("Time from a request's head to its reply's last byte")
        .register(registry);
    FunctionCounter.builder("cistern.sent", traffic, Traffic::bytes)
        .baseUnit("bytes")
        .description("Body bytes sent to clients")
        .register(registry);
    aborted(traffic);
    count("cistern.fills.started", "Downloads from upstreams", mirror, Mirror::fillsStarted);
    count(
        "cistern.fills.wrong",
        "Downloads with another digest than asked for",
        mirror,
        Mirror::fillsWrong);
    gauge("cistern.fills.running", "Downloads that run now", mirror, Mirror::fillsRunning);
    gauge(
        "cistern.fills.waiting",
        "Downloads that wait for their turn at an upstream",
        mirror,
        Mirror::fillsWaiting);
    count(
        "cistern.fills.given.way",
        "Downloads that lost their connection to another and were resumed later",
        mirror,
        Mirror::fillsGivenWay);
    gauge("cistern.connections", "Connections of clients", clients, Clients::connections);
    for (Refusal why : Refusal.values()) {
      count(
          "cistern.refused",
          "Clients that were not served, by reason",
          "reason",
          why.word(),
          clients,
          c -> c.refused(why));
    }
    count(
        "cistern.uncaught",
        "Exceptions that ended work of the server and that nothing caught",
        parts.uncaught(),
        Uncaught::count);
    count(
        "cistern.clock.jumps",
        "Jumps of the wall clock, forward and back",
        parts.store().clockJumps(),
        ClockJumps::count);
    for (MemoryBudget.Account account : MemoryBudget.Account.values()) {
      Gauge.builder("cistern.memory.waiting", clients.memory(), m -> m.waiting(account))
          .baseUnit("bytes")
          .description("Memory that waits for clients, upstreams or a turn")
          .tag("what", account.word())
          .register(registry);
    }
    gauge(
        "cistern.draining",
        "1 from the signal to stop on, else 0",
        parts.drain(),
        drain -> drain.isDraining() ? 1 : 0);
    storage(parts.store());
    readiness(parts.store(), readiness);
    damage(parts.store().damaged());
    indexWrites(parts.store());
    scrub(parts.store().scrub());
    imports(parts.imports());
    webhooks(parts.webhooks());
    jvm(registry);
  }

  private void aborted(Traffic traffic) {
    String what = "Replies not sent to their end, by the side that ended them";
    count("cistern.aborted", what, "side", "client", traffic, Traffic::cutByClient);
    count("cistern.aborted", what, "side", "server", traffic, Traffic::cutByServer);
  }

  /** Adds metrics of damaged content and of its replacement. */
  private void damage(DamagedContent damaged) {
    gauge(
        "cistern.damaged.blobs",
        "Blobs whose stored copy is damaged and not replaced yet",
        damaged,
        DamagedContent::blobs);
    for (Origin origin : Origin.values()) {
      count(
          "cistern.damaged",
          "Stored blobs and manifests found damaged, by origin",
          "origin",
          origin.word(),
          damaged,
          d -> d.found(origin));
    }
    for (DamagedContent.Healing how : DamagedContent.Healing.values()) {
      count(
          "cistern.healed",
          "Damaged blobs and manifests replaced by verified content",
          "how",
          how.word(),
          damaged,
          d -> d.healed(how));
    }
  }

  private void scrub(Scrub scrub) {
    FunctionCounter.builder("cistern.scrub", scrub, Scrub::bytes)
        .baseUnit("bytes")
        .description("Bytes of stored content read to verify it in the background")
        .register(registry);
    Gauge.builder(
            "cistern.scrub.last.complete.timestamp",
            scrub,
            s -> s.lastComplete().map(Instant::getEpochSecond).orElse(0L))
        .baseUnit("seconds")
        .description("Unix time at which all stored content had been verified, 0 for never")
        .register(registry);
  }

  /** Adds readiness, degradation and errors of the index. */
  private void readiness(Store store, Readiness readiness) {
    gauge("cistern.ready", "Whether /readyz is 200", readiness, r -> r.state().isReady() ? 1 : 0);
    for (String reason : List.of("storage-full", "storage-failing", "store-doubtful")) {
      Gauge.builder(
              "cistern.degraded",
              readiness,
              r -> r.state().degraded().equals(Optional.of(reason.replace('-', ' '))) ? 1 : 0)
          .description("Whether the server is ready but does less, by reason")
          .tag("reason", reason)
          .register(registry);
    }
    for (StorageError error : StorageError.values()) {
      count(
          "cistern.index.errors",
          "Failed writes of the index, by error of the system",
          "reason",
          error.word(),
          store.indexHealth(),
          h -> h.errors(error));
    }
  }

  private void imports(ImportLoop imports) {
    count(
        "cistern.imports",
        "Imports into image streams that no client waited for",
        imports,
        ImportLoop::imports);
    count(
        "cistern.imports.failed",
        "Of these, those of which something failed",
        imports,
        ImportLoop::failures);
    count(
        "cistern.imports.unchanged",
        "Scheduled tags that were found to be what they were",
        imports,
        ImportLoop::unchanged);
    gauge(
        "cistern.imports.scheduled",
        "Tags that are imported again and again",
        imports,
        ImportLoop::scheduled);
  }

  private void webhooks(Webhooks webhooks) {
    count(
        "cistern.webhooks.delivered", "Notices that webhooks took", webhooks, Webhooks::delivered);
    count(
        "cistern.webhooks.failed",
        "Attempts to tell a webhook that failed",
        webhooks,
        Webhooks::failed);
  }

  synchronized String text() {
    Map<String, RateLimit> limits = mirror.rateLimits();
    limit.register(rows(limits, RateLimit::limit), true);
    remaining.register(rows(limits, RateLimit::remaining), true);
    mirror.answers().forEach(this::answers);
    return registry.scrape();
  }

  /** Registers the counter of an upstream's results; a registered counter stays unchanged. */
  private void answers(String key, LongAdder count) {
    int space = key.indexOf(' ');
    FunctionCounter.builder("cistern.upstream.answers", count, LongAdder::sum)
        .description("Answers of upstreams")
        .tag("upstream", key.substring(0, space))
        .tag("outcome", key.substring(space + 1))
        .register(registry);
  }

  private static List<MultiGauge.Row<?>> rows(
      Map<String, RateLimit> limits, ToLongFunction<RateLimit> value) {
    var rows = new ArrayList<MultiGauge.Row<?>>();
    limits.forEach((upstream, said) ->
        rows.add(MultiGauge.Row.of(Tags.of("upstream", upstream), value.applyAsLong(said))));
    return rows;
  }

  private void storage(Store store) {
    Gauge.builder("cistern.storage.used", store, s -> s.usage().bytes())
        .baseUnit("bytes")
        .description("Bytes of content, of room held for downloads, and of the index")
        .register(registry);
    OptionalLong maxSize = store.usage().maxSize();
    if (maxSize.isPresent()) {
      Gauge.builder("cistern.storage.limit", maxSize, OptionalLong::getAsLong)
          .baseUnit("bytes")
          .strongReference(true)
          .description("What the store may take, maxSize")
          .register(registry);
    }
    count(
        "cistern.evicted.images",
        "Cached images that were evicted",
        store,
        s -> s.usage().evictedImages());
    FunctionCounter.builder("cistern.evicted", store, s -> s.usage().evictedBytes())
        .baseUnit("bytes")
        .description("Bytes of blobs and unfinished downloads that were evicted")
        .register(registry);
    FunctionCounter.builder("cistern.collected", store, s -> s.usage().collectedBytes())
        .baseUnit("bytes")
        .description("Bytes of blobs that nothing reached any more")
        .register(registry);
  }

  private void indexWrites(Store store) {
    gauge("cistern.index.write.queue", "Index changes waiting", store, Store::waitingWrites);
    registry.getPrometheusRegistry().register(() -> indexWriteTimes(store.writeTimes()));
  }

  private static MetricSnapshot indexWriteTimes(WriteTimes times) {
    var bounds = new ArrayList<>(times.bounds());
    bounds.add(Double.POSITIVE_INFINITY);
    return HistogramSnapshot.builder()
        .name("cistern_index_write_seconds")
        .help("Time from the queueing of an index change to its acknowledgement")
        .dataPoint(
            HistogramSnapshot.HistogramDataPointSnapshot.builder()
                .classicHistogramBuckets(ClassicHistogramBuckets.of(bounds, times.counts()))
                .sum(times.seconds())
                .build())
        .build();
  }

  private <T> void count(String name, String description, T source, ToDoubleFunction<T> count) {
    FunctionCounter.builder(name, source, count).description(description).register(registry);
  }

  private <T> void gauge(String name, String description, T source, ToDoubleFunction<T> value) {
    Gauge.builder(name, source, value).description(description).register(registry);
  }

  private <T> void count(
      String name,
      String description,
      String label,
      String value,
      T source,
      ToDoubleFunction<T> count) {
    FunctionCounter.builder(name, source, count)
        .description(description)
        .tag(label, value)
        .register(registry);
  }

  private static void jvm(MeterRegistry registry) {
    new JvmMemoryMetrics().bindTo(registry);
    new ProcessorMetrics().bindTo(registry);
    new UptimeMetrics().bindTo(registry);
  }
}
