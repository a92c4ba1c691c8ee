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
 * The upstreams, each opened when it is first needed: the configured ones by their names, and the
 * registries that only rules name by their hosts.
 */
public final class Upstreams implements AutoCloseable {
  private static final int MOST_OTHERS = 1000;

  private final Map<String, UpstreamSettings> settings = new LinkedHashMap<>();
  private final BiFunction<String, Boolean, UpstreamSettings> unlisted;
  private final NamespaceKeyrings namespaces;

  /** Of those that only rules name, or that are asked with a namespace's secrets, not all. */
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
   * @param unlisted gives the settings of a registry that only a rule names: of its host, secure or
   *     not
   * @param namespaces the pull secrets of those that have their own
   * @param memory for what upstreams answer
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

  /** Returns the budget for what upstreams answer. */
  MemoryBudget memory() {
    return memory;
  }

  /** Returns the configured upstreams as the rules know them. */
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

  /** Returns how long a small answer of a source may take in all. */
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

  /** What is on its way over its other connections comes to its end. */
  private static void closeIdle(@Nullable Upstream upstream) {
    if (upstream != null) {
      upstream.closeIdle();
    }
  }

  /** Returns what those that were asked say of their limits, by name. */
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
