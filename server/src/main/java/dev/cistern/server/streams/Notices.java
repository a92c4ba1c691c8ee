package dev.cistern.server.streams;

import dev.cistern.storage.ObjectEdit;
import java.util.List;
import java.util.Optional;

/** Has others be told of what happens to streams. */
public interface Notices {
  /** Tells nobody. */
  Notices NONE = (before, after) -> List.of();

  /**
   * Returns what is to be stored together with a change of a stream, so that others are told of it
   * if it is made, and only then.
   *
   * @param before empty if the stream is made
   */
  List<ObjectEdit> of(Optional<ImageStream> before, ImageStream after);
}
