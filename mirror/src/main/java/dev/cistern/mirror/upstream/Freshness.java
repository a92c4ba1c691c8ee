package dev.cistern.mirror.upstream;

import dev.cistern.oci.Tag;
import java.time.Duration;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The freshness of an upstream's tags, and the handling of stale and missing tags.
 *
 * @param interval how long a tag is served without asking the upstream again
 * @param versions the same for tags that look like full versions, such as {@code v1.2.3}
 * @param maxStale the maximum age of a tag that is served while its upstream fails; empty for any
 *     age
 * @param keepsMissing whether a tag is kept that the upstream no longer has
 */
public record Freshness(
    Duration interval, Duration versions, Optional<Duration> maxStale, boolean keepsMissing) {
  /** One minute for all tags; stale tags are served at any age, and missing tags are kept. */
  public static final Freshness USUAL =
      new Freshness(Duration.ofMinutes(1), Duration.ofMinutes(1), Optional.empty(), true);

  private static final Pattern VERSION = Pattern.compile("v?\\d+\\.\\d+\\.\\d+(?:[-_.].*)?");

  /** Returns how long {@code tag} is served without asking the upstream again. */
  public Duration interval(Tag tag) {
    return VERSION.matcher(tag.name()).matches() ? versions : interval;
  }
}
