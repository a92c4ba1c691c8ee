package dev.cistern.mirror;

import dev.cistern.mirror.rules.Location;
import dev.cistern.mirror.rules.PullSource;
import dev.cistern.oci.Digest;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.BooleanSupplier;

/** Makes deliveries, which share the connections of an upstream. */
record Deliveries(Asker asker, BlobTurns turns) {
  /**
   * Returns a delivery that has not begun.
   *
   * @param sources in the order they are to be asked, at least one
   * @param last the position of the last byte; none for the end of the blob
   * @param isFollowed whether a follower waits for it
   */
  Delivery of(
      Location location,
      List<PullSource> sources,
      Digest digest,
      OptionalLong last,
      BooleanSupplier isFollowed) {
    BlobTurns.Turn turn = turns.turn(sources.getFirst(), isFollowed);
    return new Delivery(this, turn, location, sources, digest, last);
  }
}
