package dev.cistern.mirror;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import dev.cistern.mirror.rules.Location;
import dev.cistern.mirror.rules.PullSource;
import dev.cistern.oci.Reference;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;

/**
 * Negative cache: references that no pull source has, remembered for a short time. It keeps
 * repeated requests of clients away from the upstreams. Entries are keyed by reference and sources,
 * and so also by the credentials that the sources are asked with.
 */
final class Absences {
  private static final int MOST = 10_000;

  private final InstantSource clock;
  private final Duration memory;
  private final Cache<Absence, Instant> noted = Caffeine.newBuilder().maximumSize(MOST).build();

  Absences(InstantSource clock, Duration memory) {
    this.clock = clock;
    this.memory = memory;
  }

  private record Absence(List<PullSource> sources, Reference reference) {}

  void note(Location location, Reference reference) {
    noted.put(new Absence(location.sources(), reference), clock.instant());
  }

  boolean isNoted(Location location, Reference reference) {
    Instant when = noted.getIfPresent(new Absence(location.sources(), reference));
    return when != null && clock.instant().isBefore(when.plus(memory));
  }

  void clear() {
    noted.invalidateAll();
  }

  void forget(Location location, Reference reference) {
    noted.invalidate(new Absence(location.sources(), reference));
  }
}
