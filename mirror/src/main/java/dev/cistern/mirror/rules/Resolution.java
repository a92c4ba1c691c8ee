package dev.cistern.mirror.rules;

import java.util.List;
import java.util.Optional;

/**
 * The places that an image is pulled from, in order.
 *
 * @param prefix of the entry of registries.conf that says so; empty if none does
 * @param sources at least one; what the entry itself stands for is the last
 */
public record Resolution(String prefix, List<Source> sources) {
  public Resolution {
    sources = List.copyOf(sources);
  }

  /**
   * One place.
   *
   * @param reference the image's name there, with tag or digest
   * @param pullFrom which pulls the mirror serves, if the entry says so
   * @param isInsecure whether TLS may go unverified there, or be missing
   * @param isBlocked whether some entry forbids to pull from there
   * @param isMirror whether it is a mirror, and not what the entry itself stands for
   */
  public record Source(
      String reference,
      Optional<PullFrom> pullFrom,
      boolean isInsecure,
      boolean isBlocked,
      boolean isMirror) {}
}
