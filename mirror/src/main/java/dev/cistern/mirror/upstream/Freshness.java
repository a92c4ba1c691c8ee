package dev.cistern.mirror.upstream;

import dev.cistern.oci.Tag;
import java.time.Duration;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * How old a tag may be that is given without asking, and what is given when asking fails.
 *
 * @param interval how long a tag is given without asking again
 * @param versions the same for tags that look like full versions, such as {@code v1.2.3}
 * @param maxStale how old a tag may be that is given when it cannot be asked for; empty for any age
 * @param keepsMissing whether a tag is kept that the upstream does not have any more
 */
public record Freshness(
    Duration interval, Duration versions, Optional<Duration> maxStale, boolean keepsMissing) {
  /** A minute for all tags, any age when asking fails, and nothing is dropped. */
  public static final Freshness USUAL =
      new Freshness(Duration.ofMinutes(1), Duration.ofMinutes(1), Optional.empty(), true);

  private static final Pattern VERSION = Pattern.compile("v?\\d+\\.\\d+\\.\\d+(?:[-_.].*)?");

  /** Returns how long {@code tag} is given without asking again. */
  public Duration interval(Tag tag) {
    return VERSION.matcher(tag.name()).matches() ? versions : interval;
  }
}
