package dev.cistern.server.http;

import dev.cistern.mirror.DirectBlob;
import dev.cistern.mirror.Fill;
import dev.cistern.storage.Blob;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The content of a response. A body with a blob or a fill takes over the hold of its creator. */
public sealed interface ReplyBody {
  ReplyBody NONE = new None(0);

  /**
   * No content.
   *
   * @param length the value of Content-Length, which is the length that a GET would have; -1 for no
   *     such header field
   */
  record None(long length) implements ReplyBody {}

  /** Content in memory. */
  record Bytes(byte[] bytes) implements ReplyBody {}

  /** {@code count} bytes of a stored blob, beginning at {@code from}. */
  record FilePart(Blob blob, long from, long count) implements ReplyBody {}

  /**
   * Several parts of a stored blob (RFC 9110 section 14.6), each with the bytes that precede it.
   */
  record FileParts(Blob blob, List<Part> parts, byte[] end) implements ReplyBody {}

  /** One part: the delimiter and header that precede it, and its range in the blob. */
  record Part(byte[] head, long from, long count) {}

  /**
   * A blob whose download is in progress, from {@code from} up to {@code end} (exclusive). An
   * {@code end} of -1 is the end of a blob whose length is not known yet.
   */
  record Following(Fill fill, long from, long end) implements ReplyBody {}

  /** Content of an upstream that is passed through for this response only. */
  record Direct(DirectBlob blob) implements ReplyBody {}

  /** A body that is generated while it is sent, of unknown length. */
  record Pieces(PieceSource source) implements ReplyBody {}

  /** A source of pieces. Used by one virtual thread, except for {@link #close}. */
  interface PieceSource extends AutoCloseable {
    /**
     * Returns the next piece, or null at the end; may wait for it.
     *
     * @throws IOException if the rest cannot be generated, which closes the client's connection
     */
    byte @Nullable [] next() throws IOException, InterruptedException;

    /** Releases all resources, and ends a wait for the next piece. Does not block. */
    @Override
    void close();
  }

  /**
   * Ends a body early for a reason that is counted elsewhere: there is no memory for the next
   * piece, or the client has left. It is not a warning of the log.
   */
  final class EndedException extends IOException {
    private static final long serialVersionUID = 1;

    public EndedException(String message) {
      super(message);
    }
  }
}
