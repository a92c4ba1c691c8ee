package dev.cistern.mirror;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Which upstreams did not answer lately, and why. It only ever shortens waiting for what is here;
 * it never keeps anybody from asking for what is not.
 */
final class Outages {
  private final InstantSource clock;
  private final Map<String, Outage> outages = new ConcurrentHashMap<>();

  Outages(InstantSource clock) {
    this.clock = clock;
  }

  private record Outage(Instant retry, String reason) {}

  void begin(String upstream, String reason, Duration pause) {
    outages.put(upstream, new Outage(clock.instant().plus(pause), reason));
  }

  void end(String upstream) {
    outages.remove(upstream);
  }

  /**
   * Returns why the upstream is out; it may be asked again meanwhile, but nobody should wait for
   * it.
   */
  Optional<String> reason(String upstream) {
    return Optional.ofNullable(outages.get(upstream)).map(Outage::reason);
  }

  /** Says whether it is time to ask an upstream that is out again. */
  boolean mayRetry(String upstream) {
    Outage outage = outages.get(upstream);
    return outage == null || !clock.instant().isBefore(outage.retry());
  }
}
