package dev.cistern.mirror;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import dev.cistern.auth.credentials.Keyring;
import dev.cistern.auth.credentials.NamespaceKeyrings;
import dev.cistern.base.MemoryBudget;
import dev.cistern.mirror.rules.MirrorRules;
import dev.cistern.mirror.rules.PullSource;
import dev.cistern.mirror.upstream.RateLimit;
import dev.cistern.mirror.upstream.Upstream;
import dev.cistern.mirror.upstream.UpstreamSettings;
import java.io.IOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;

/**
 * Pool of upstreams, each opened when it is first needed. It has the configured upstreams by their
 * names, and the registries that only rules name by their hosts.
 */
public final class Upstreams implements AutoCloseable {
  private static final int MOST_OTHERS = 1000;

  private final Map<String, UpstreamSettings> settings = new LinkedHashMap<>();
  private final BiFunction<String, Boolean, UpstreamSettings> unlisted;
  private final NamespaceKeyrings namespaces;

  /**
   * Open upstreams. The number of those that only rules name, or that use a namespace's secrets, is
   * limited.
   */
  private final Cache<Endpoint, Upstream> open =
      Caffeine.newBuilder()
          .maximumWeight(MOST_OTHERS)
          .weigher((Endpoint endpoint, Upstream upstream) -> isListed(endpoint) ? 0 : 1)
          .executor(Runnable::run)
          .<Endpoint, Upstream>removalListener((endpoint, upstream, cause) -> closeIdle(upstream))
          .build();

  private final InstantSource clock;
  private final MemoryBudget memory;

  /**
   * @param unlisted the settings of a registry that only a rule names, by its host and whether it
   *     is insecure
   * @param namespaces the pull secrets of namespaces that have their own
   * @param memory the budget for responses of upstreams
   */
  public Upstreams(
      Collection<UpstreamSettings> settings,
      BiFunction<String, Boolean, UpstreamSettings> unlisted,
      NamespaceKeyrings namespaces,
      InstantSource clock,
      MemoryBudget memory) {
    settings.forEach(one -> this.settings.put(one.name(), one));
    this.unlisted = unlisted;
    this.namespaces = namespaces;
    this.clock = clock;
    this.memory = memory;
  }

  /** Returns the budget for responses of upstreams. */
  MemoryBudget memory() {
    return memory;
  }

  /** Returns the configured upstreams in the form that rules need. */
  public List<MirrorRules.Registry> registries() {
    return settings.values().stream()
        .map(one ->
            new MirrorRules.Registry(
                one.registry(),
                one.name(),
                one.endpoints().size(),
                (int) one.endpoints().stream().filter(UpstreamSettings::isSecure).count(),
                one.isDigestOnly()))
        .toList();
  }

  private record Endpoint(
      String upstream,
      int number,
      boolean isInsecure,
      boolean isUnverified,
      Optional<String> secrets) {
    static Endpoint of(PullSource source) {
      return new Endpoint(
          source.upstream(),
          source.endpoint(),
          source.isInsecure(),
          source.isUnverified(),
          source.secrets());
    }
  }

  /** Returns the settings of the upstream that a source belongs to. */
  UpstreamSettings settings(PullSource source) {
    UpstreamSettings listed = settings.get(source.upstream());
    UpstreamSettings usual =
        listed == null ? unlisted.apply(source.upstream(), source.isInsecure()) : listed;
    UpstreamSettings found = source.isUnverified() ? usual.insecurely().with(Keyring.EMPTY) : usual;
    return source.secrets().isPresent()
        ? found.with(namespaces.before(source.secrets().get(), found.keyring()))
        : found;
  }

  /** Returns the maximum total time for a small answer of a source. */
  Duration answerLimit(PullSource source) {
    return settings(source).connection().limits().answer();
  }

  synchronized Upstream get(PullSource source) {
    var endpoint = Endpoint.of(source);
    Upstream found = open.getIfPresent(endpoint);
    if (found == null) {
      found =
          source.secrets().isEmpty()
              ? Upstream.open(settings(source).at(source.endpoint()), clock, memory)
              : get(source.withSecrets(Optional.empty())).with(settings(source).keyring());
      open.put(endpoint, found);
    }
    return found;
  }

  private boolean isListed(Endpoint endpoint) {
    return endpoint.secrets().isEmpty() && settings.containsKey(endpoint.upstream());
  }

  /**
   * Closes the idle connections of an upstream; transfers over its other connections continue to
   * the end.
   */
  private static void closeIdle(@Nullable Upstream upstream) {
    if (upstream != null) {
      upstream.closeIdle();
    }
  }

  /** Returns the rate limits that open upstreams reported, by name. */
  synchronized Map<String, RateLimit> rateLimits() {
    var limits = new TreeMap<String, RateLimit>();
    open.asMap()
        .forEach((endpoint, upstream) ->
            upstream
                .rateLimit()
                .ifPresent(limit -> limits.putIfAbsent(endpoint.upstream(), limit)));
    return limits;
  }

  @Override
  public synchronized void close() throws IOException {
    for (Upstream upstream : open.asMap().values()) {
      upstream.close();
    }
  }
}
