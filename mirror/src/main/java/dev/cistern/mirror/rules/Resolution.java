package dev.cistern.mirror.rules;

import java.util.List;
import java.util.Optional;

/**
 * The sources that an image is pulled from, in order.
 *
 * @param prefix the prefix of the applicable entry of registries.conf; empty if there is none
 * @param sources at least one; the last one is the location of the entry itself, or the image
 *     itself if no entry applies
 */
public record Resolution(String prefix, List<Source> sources) {
  public Resolution {
    sources = List.copyOf(sources);
  }

  /**
   * One source.
   *
   * @param reference the image's name at the source, with tag or digest
   * @param pullFrom the pulls that the mirror serves, if the entry specifies them
   * @param isInsecure whether TLS may be unverified or missing
   * @param isBlocked whether an entry forbids pulls from this source
   * @param isMirror whether the source is a mirror rather than the location of the entry itself
   */
  public record Source(
      String reference,
      Optional<PullFrom> pullFrom,
      boolean isInsecure,
      boolean isBlocked,
      boolean isMirror) {}
}
