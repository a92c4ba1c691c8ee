package dev.cistern.server.http;

import dev.cistern.base.MemoryBudget.Lease;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.util.ReferenceCountUtil;
import java.io.EOFException;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.util.ArrayDeque;

/**
 * Handler before TLS that reads files in pieces, because TLS must process the content that {@code
 * sendfile} would send unencrypted. A piece is read when the kernel has taken the previous one, so
 * a slow client holds at most one. Messages that are written after a file wait for its end. Each
 * connection may use 16 KiB of direct memory for a piece. A longer piece requires memory from the
 * budget.
 *
 * <p>Runs on the connection's event loop, including the reads. A piece usually comes from the page
 * cache, and a {@code sendfile} that misses the cache also waits for the disk on the loop. After a
 * burst the loop's other connections take their turn.
 */
@SuppressWarnings("FutureReturnValueIgnored") // the promise receives the result of a write
final class FilePieces extends ChannelDuplexHandler {
  private static final int BURST_BYTES = 512 << 10;

  private static final int MIN_PIECE_BYTES = 16 << 10;
  private static final int MAX_PIECE_BYTES = 128 << 10;

  private final Lease lease;
  private final ArrayDeque<Waiting> waiting = new ArrayDeque<>();
  private boolean isSending;

  /**
   * @param lease the lease for the part of a piece beyond {@link #MIN_PIECE_BYTES}
   */
  FilePieces(Lease lease) {
    this.lease = lease;
  }

  /** A message that is not written yet, or not completely. */
  private static final class Waiting {
    private final Object message;
    private final ChannelPromise promise;
    private long sent;

    Waiting(Object message, ChannelPromise promise) {
      this.message = message;
      this.promise = promise;
    }
  }

  @Override
  public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
    if (waiting.isEmpty() && !(message instanceof FileSection)) {
      context.write(message, promise);
    } else {
      waiting.add(new Waiting(message, promise));
    }
  }

  @Override
  public void flush(ChannelHandlerContext context) {
    context.flush();
    send(context);
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext context) {
    send(context);
    context.fireChannelWritabilityChanged();
  }

  private void send(ChannelHandlerContext context) {
    if (!context.channel().isActive()) {
      drop(new ClosedChannelException());
    }
    if (isSending || waiting.isEmpty()) {
      return;
    }
    isSending = true;
    try {
      int burst = BURST_BYTES;
      while (!waiting.isEmpty() && context.channel().isWritable()) {
        if (burst <= 0) {
          Loop.execute(context, "pieces of a file", () -> send(context));
          return;
        }
        burst -= writeNext(context);
        context.flush();
      }
    } catch (IOException e) {
      drop(new ReplyCutException(e)); // a part of the response is missing
      context.close();
    } finally {
      isSending = false;
    }
  }

  /** Writes the next message or piece, and returns the number of bytes read. */
  private int writeNext(ChannelHandlerContext context) throws IOException {
    Waiting first = waiting.element();
    if (!(first.message instanceof FileSection section)) {
      waiting.remove();
      context.write(first.message, first.promise);
      return 0;
    }
    int count = pieceBytes(section.count() - first.sent);
    ByteBuf piece = read(context, section, first.sent, count);
    ChannelPromise written =
        first.sent + count < section.count() ? context.newPromise() : first.promise;
    written.addListener(ended -> lease.give(count - MIN_PIECE_BYTES));
    first.sent += count;
    section.addRead(count);
    if (first.sent == section.count()) {
      waiting.remove();
      section.release();
    }
    context.write(piece, written);
    return count;
  }

  /** Returns the length of the next piece, and takes memory for it. */
  private int pieceBytes(long left) {
    int wanted = (int) Math.min(MAX_PIECE_BYTES, left);
    boolean isShort = wanted <= MIN_PIECE_BYTES || !lease.tryTake(wanted - MIN_PIECE_BYTES);
    return isShort ? Math.min(MIN_PIECE_BYTES, wanted) : wanted;
  }

  private static ByteBuf read(
      ChannelHandlerContext context, FileSection section, long from, int count) throws IOException {
    ByteBuf piece = context.alloc().directBuffer(count);
    try {
      while (piece.readableBytes() < count) {
        long at = section.position() + from + piece.readableBytes();
        if (piece.writeBytes(section.file(), at, count - piece.readableBytes()) < 0) {
          throw new EOFException("the file ends before " + (section.position() + section.count()));
        }
      }
      return piece;
    } catch (IOException | RuntimeException e) {
      piece.release();
      throw e;
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    drop(new ClosedChannelException());
    lease.close();
    context.fireChannelInactive();
  }

  @Override
  public void handlerRemoved(ChannelHandlerContext context) {
    drop(new ClosedChannelException());
  }

  private void drop(IOException cause) {
    while (!waiting.isEmpty()) {
      Waiting next = waiting.remove();
      ReferenceCountUtil.release(next.message);
      next.promise.tryFailure(cause);
    }
  }
}
