package dev.cistern.mirror;

import dev.cistern.mirror.rules.MirrorRules;
import dev.cistern.mirror.rules.PullSource;
import dev.cistern.mirror.upstream.RateLimit;
import dev.cistern.mirror.upstream.Upstream;
import dev.cistern.mirror.upstream.UpstreamSettings;
import java.io.IOException;
import java.time.InstantSource;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** The configured upstreams by name, each opened when it is first needed. */
public final class Upstreams implements AutoCloseable {
  private final Map<String, UpstreamSettings> settings = new LinkedHashMap<>();
  private final Map<Endpoint, Upstream> open = new HashMap<>();
  private final InstantSource clock;

  public Upstreams(Collection<UpstreamSettings> settings, InstantSource clock) {
    settings.forEach(one -> this.settings.put(one.name(), one));
    this.clock = clock;
  }

  /** Returns the rules by which names lead to these upstreams. */
  public MirrorRules rules(Optional<String> defaultUpstream) {
    return new MirrorRules(
        settings.values().stream()
            .map(one ->
                new MirrorRules.Registry(
                    one.registry(), one.name(), 1 + one.alternatives().size(), one.isDigestOnly()))
            .toList(),
        defaultUpstream);
  }

  private record Endpoint(String upstream, int number) {}

  /** Returns the settings of the upstream that a source belongs to. */
  UpstreamSettings settings(PullSource source) {
    UpstreamSettings found = settings.get(source.upstream());
    if (found == null) {
      throw new IllegalArgumentException("no upstream " + source.upstream());
    }
    return found;
  }

  synchronized Upstream get(PullSource source) {
    var endpoint = new Endpoint(source.upstream(), source.endpoint());
    Upstream found = open.get(endpoint);
    if (found == null) {
      found = Upstream.open(settings(source).at(source.endpoint()), clock);
      open.put(endpoint, found);
    }
    return found;
  }

  /** Returns what those that were asked say of their limits, by name. */
  synchronized Map<String, RateLimit> rateLimits() {
    var limits = new TreeMap<String, RateLimit>();
    open.forEach((endpoint, upstream) ->
        upstream.rateLimit().ifPresent(limit -> limits.putIfAbsent(endpoint.upstream(), limit)));
    return limits;
  }

  @Override
  public synchronized void close() throws IOException {
    for (Upstream upstream : open.values()) {
      upstream.close();
    }
  }
}
