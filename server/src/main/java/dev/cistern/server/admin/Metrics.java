package dev.cistern.server.admin;

import dev.cistern.mirror.CacheStatus;
import dev.cistern.mirror.Mirror;
import dev.cistern.mirror.upstream.RateLimit;
import dev.cistern.server.http.Clients;
import dev.cistern.server.http.Refusal;
import dev.cistern.server.streams.ImportLoop;
import dev.cistern.server.webhooks.Webhooks;
import dev.cistern.storage.Store;
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
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.ToDoubleFunction;
import java.util.function.ToLongFunction;

/**
 * The counts in Prometheus' text format. Made when they are first asked for, so that a start does
 * not wait for it. No metric is labelled by repository or digest.
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

  Metrics(AdminParts parts) {
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
    FunctionCounter.builder("cistern.aborted", traffic, Traffic::aborted)
        .description("Replies whose client left before the end")
        .register(registry);
    FunctionCounter.builder("cistern.fills.started", mirror, Mirror::fillsStarted)
        .description("Downloads from upstreams")
        .register(registry);
    FunctionCounter.builder("cistern.fills.wrong", mirror, Mirror::fillsWrong)
        .description("Downloads with another digest than asked for")
        .register(registry);
    Gauge.builder("cistern.fills.running", mirror, Mirror::fillsRunning)
        .description("Downloads that run now")
        .register(registry);
    Gauge.builder("cistern.connections", clients, Clients::connections)
        .description("Connections of clients")
        .register(registry);
    for (Refusal why : Refusal.values()) {
      count(
          "cistern.refused",
          "Clients that were not served, by reason",
          "reason",
          why.word(),
          clients,
          c -> c.refused(why));
    }
    storage(parts.store());
    imports(parts.imports());
    webhooks(parts.webhooks());
    jvm(registry);
  }

  private void imports(ImportLoop imports) {
    FunctionCounter.builder("cistern.imports", imports, ImportLoop::imports)
        .description("Imports into image streams that no client waited for")
        .register(registry);
    FunctionCounter.builder("cistern.imports.failed", imports, ImportLoop::failures)
        .description("Of these, those of which something failed")
        .register(registry);
    FunctionCounter.builder("cistern.imports.unchanged", imports, ImportLoop::unchanged)
        .description("Scheduled tags that were found to be what they were")
        .register(registry);
    Gauge.builder("cistern.imports.scheduled", imports, ImportLoop::scheduled)
        .description("Tags that are imported again and again")
        .register(registry);
  }

  private void webhooks(Webhooks webhooks) {
    FunctionCounter.builder("cistern.webhooks.delivered", webhooks, Webhooks::delivered)
        .description("Notices that webhooks took")
        .register(registry);
    FunctionCounter.builder("cistern.webhooks.failed", webhooks, Webhooks::failed)
        .description("Attempts to tell a webhook that failed")
        .register(registry);
  }

  synchronized String text() {
    Map<String, RateLimit> limits = mirror.rateLimits();
    limit.register(rows(limits, RateLimit::limit), true);
    remaining.register(rows(limits, RateLimit::remaining), true);
    mirror.answers().forEach(this::answers);
    return registry.scrape();
  }

  /** What is there already stays as it is. */
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
    FunctionCounter.builder("cistern.evicted.images", store, s -> s.usage().evictedImages())
        .description("Cached images that were evicted")
        .register(registry);
    FunctionCounter.builder("cistern.evicted", store, s -> s.usage().evictedBytes())
        .baseUnit("bytes")
        .description("Bytes of blobs and unfinished downloads that were evicted")
        .register(registry);
    FunctionCounter.builder("cistern.collected", store, s -> s.usage().collectedBytes())
        .baseUnit("bytes")
        .description("Bytes of blobs that nothing reached any more")
        .register(registry);
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
