package dev.cistern.server.streams;

import dev.cistern.storage.ObjectEdit;
import java.util.List;
import java.util.Optional;

/** Source of notifications about changes of streams. */
public interface Notices {
  /** Sends no notifications. */
  Notices NONE = (before, after) -> List.of();

  /**
   * Returns the notifications to store in the same transaction as a change of a stream. They are
   * sent if and only if the change is stored.
   *
   * @param before the stream before the change; empty if the change creates it
   */
  List<ObjectEdit> of(Optional<ImageStream> before, ImageStream after);
}
