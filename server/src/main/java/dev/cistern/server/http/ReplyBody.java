package dev.cistern.server.http;

import dev.cistern.mirror.DirectBlob;
import dev.cistern.mirror.Fill;
import dev.cistern.storage.Blob;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The content of a reply. Whoever makes one with a blob or a fill hands its hold over with it. */
public sealed interface ReplyBody {
  ReplyBody NONE = new None(0);

  /**
   * No content.
   *
   * @param length what Content-Length says: the length that a GET would have; -1 for no such header
   */
  record None(long length) implements ReplyBody {}

  /** Content in memory. */
  record Bytes(byte[] bytes) implements ReplyBody {}

  /** {@code count} bytes of a stored blob from {@code from} on. */
  record FilePart(Blob blob, long from, long count) implements ReplyBody {}

  /** Several parts of a stored blob (RFC 9110 section 14.6), each with what comes before it. */
  record FileParts(Blob blob, List<Part> parts, byte[] end) implements ReplyBody {}

  /** One part: the delimiter and header that precede it, and where it lies in the blob. */
  record Part(byte[] head, long from, long count) {}

  /**
   * A blob that is on its way, from {@code from} up to {@code end} (exclusive); an {@code end} of
   * -1 is the end of a blob whose length is not known yet.
   */
  record Following(Fill fill, long from, long end) implements ReplyBody {}

  /** What comes from an upstream for this reply alone. */
  record Direct(DirectBlob blob) implements ReplyBody {}

  /** A body that is made while it is sent, of unknown length. */
  record Pieces(PieceSource source) implements ReplyBody {}

  /** Where pieces come from. Used by one virtual thread, but for {@link #close}. */
  interface PieceSource extends AutoCloseable {
    /**
     * Returns the next piece, or null at the end; may wait for it.
     *
     * @throws IOException if the rest cannot be made: the client is cut off
     */
    byte @Nullable [] next() throws IOException, InterruptedException;

    /** Lets go of what it holds, and ends a wait for the next piece. Does not block. */
    @Override
    void close();
  }
}
