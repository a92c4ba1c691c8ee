package dev.cistern.server.http;

import dev.cistern.mirror.DirectBlob;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.LastHttpContent;
import java.io.IOException;
import java.util.concurrent.Executor;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings what is not kept from an upstream to one client, at the pace of the slower of the two: one
 * buffer is read, written, and used again when it is out. Cuts the connection if the upstream
 * fails.
 */
@SuppressWarnings("FutureReturnValueIgnored") // what a write comes to is told to its promise
final class Relay {
  private static final Logger LOG = LoggerFactory.getLogger(Relay.class);
  private static final int BUFFER_BYTES = 128 << 10;

  private final ChannelHandlerContext context;
  private final DirectBlob blob;
  private final ChannelPromise done;

  /**
   * @param done is fulfilled when all is sent
   */
  Relay(ChannelHandlerContext context, DirectBlob blob, ChannelPromise done) {
    this.context = context;
    this.blob = blob;
    this.done = done;
  }

  void begin(Executor threads) {
    context.channel().closeFuture().addListener(closed -> done.tryFailure(left()));
    threads.execute(this::run);
  }

  /** Runs on a virtual thread. */
  private void run() {
    byte[] buffer = new byte[BUFFER_BYTES];
    try (blob) {
      for (int n = blob.read(buffer); n >= 0; n = blob.read(buffer)) {
        context.writeAndFlush(new DefaultHttpContent(Unpooled.wrappedBuffer(buffer, 0, n))).await();
        if (done.isDone()) {
          return;
        }
      }
      context.writeAndFlush(LastHttpContent.EMPTY_LAST_CONTENT, done);
    } catch (IOException e) {
      LOG.atWarn()
          .addKeyValue("digest", blob.digest())
          .addKeyValue("reason", e.getMessage())
          .log("reply cut");
      context.close();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      context.close();
    }
  }

  private static IOException left() {
    return new IOException("the connection was closed before the end");
  }
}
