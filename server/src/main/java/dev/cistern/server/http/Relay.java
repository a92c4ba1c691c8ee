package dev.cistern.server.http;

import dev.cistern.base.Guarded;
import dev.cistern.mirror.DirectBlob;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.LastHttpContent;
import java.io.IOException;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Relay that sends content to one client without storing it, at the pace of its source or of the
 * client, whichever is slower. Each piece is read and written, and the next one is requested when
 * it is sent. Closes the connection if the source fails.
 */
@SuppressWarnings("FutureReturnValueIgnored") // the promise receives the result of a write
final class Relay {
  private static final Logger LOG = LoggerFactory.getLogger(Relay.class);

  /** The length of the buffer for passed-through content. */
  static final int BUFFER_BYTES = 128 << 10;

  private final ChannelHandlerContext context;
  private final Source source;
  private final ChannelPromise done;
  private final LongAdder sent = new LongAdder();

  /** A source of content; the next piece is null at the end. */
  private interface Source {
    @Nullable ByteBuf next() throws IOException, InterruptedException;

    /** Returns the name of the source for the log. */
    String name();

    /** Ends a wait for the next piece. Event loop. */
    void wake();

    void close();
  }

  /** A download that is read into one buffer, which is reused. */
  private record Download(DirectBlob blob, byte[] buffer) implements Source {
    @Override
    public @Nullable ByteBuf next() throws IOException {
      int n = blob.read(buffer);
      return n < 0 ? null : Unpooled.wrappedBuffer(buffer, 0, n);
    }

    @Override
    public String name() {
      return blob.digest().toString();
    }

    @Override
    public void wake() {} // its waits have time limits of their own

    @Override
    public void close() {
      blob.close();
    }
  }

  private record Made(ReplyBody.PieceSource pieces) implements Source {
    @Override
    public @Nullable ByteBuf next() throws IOException, InterruptedException {
      byte @Nullable [] piece = pieces.next();
      return piece == null ? null : Unpooled.wrappedBuffer(piece);
    }

    @Override
    public String name() {
      return pieces.toString();
    }

    @Override
    public void wake() {
      pieces.close();
    }

    @Override
    public void close() {
      pieces.close();
    }
  }

  private Relay(ChannelHandlerContext context, Source source, ChannelPromise done) {
    this.context = context;
    this.source = source;
    this.done = done;
  }

  /**
   * @param done the promise that is fulfilled when all is sent; the caller fails it when the client
   *     leaves
   */
  static Relay of(ChannelHandlerContext context, DirectBlob blob, ChannelPromise done) {
    return new Relay(context, new Download(blob, new byte[BUFFER_BYTES]), done);
  }

  /**
   * @param done the promise that is fulfilled when all is sent; the caller fails it when the client
   *     leaves
   */
  static Relay of(ChannelHandlerContext context, ReplyBody.Pieces pieces, ChannelPromise done) {
    return new Relay(context, new Made(pieces.source()), done);
  }

  void begin(Executor threads) {
    done.addListener(
        Loop.after(
            context,
            "end of a relay",
            ended -> {
              if (!ended.isSuccess()) {
                source.wake();
              }
            }));
    threads.execute(this::run);
  }

  /** Returns the number of sent bytes. */
  long sent() {
    return sent.sum();
  }

  private void cut(Throwable cause) {
    done.tryFailure(new ReplyCutException(cause));
    context.close();
  }

  /** Runs on a virtual thread. */
  private void run() {
    try {
      for (ByteBuf next = source.next(); next != null; next = source.next()) {
        int count = next.readableBytes();
        if (!context.writeAndFlush(new DefaultHttpContent(next)).await().isSuccess()) {
          context.close();
          return;
        }
        sent.add(count);
      }
      // The client may leave meanwhile, which fails done: it must not be the promise of this write.
      if (context.writeAndFlush(LastHttpContent.EMPTY_LAST_CONTENT).await().isSuccess()) {
        done.trySuccess();
      } else {
        context.close();
      }
    } catch (IOException e) {
      (e instanceof ReplyBody.EndedException ? LOG.atDebug() : LOG.atWarn())
          .addKeyValue("of", source.name())
          .addKeyValue("reason", e.getMessage())
          .log("reply cut");
      cut(e);
    } catch (RuntimeException | Error e) {
      Guarded.report("relay of " + source.name(), e);
      cut(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      cut(e);
    } finally {
      source.close();
    }
  }
}
