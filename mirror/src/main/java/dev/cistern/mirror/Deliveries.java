package dev.cistern.mirror;

import dev.cistern.mirror.rules.Location;
import dev.cistern.mirror.rules.PullSource;
import dev.cistern.oci.Digest;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.BooleanSupplier;

/** Factory of deliveries, which share the connection slots of an upstream. */
record Deliveries(Asker asker, BlobTurns turns) {
  /**
   * Returns a delivery that has not begun.
   *
   * @param sources the sources in the order to ask them, at least one
   * @param last the position of the last byte; empty for the end of the blob
   * @param isFollowed whether a follower waits for the bytes
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
