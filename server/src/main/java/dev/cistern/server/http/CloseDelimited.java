package dev.cistern.server.http;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;

/**
 * Ends a response that only the end of its connection delimits: cleanly if it is whole, and with a
 * reset otherwise, whatever ends it: a failed download, a timeout, the end of the process. Under
 * TLS a response that is not whole ends without a close_notify. Runs on the event loop.
 */
@SuppressWarnings("FutureReturnValueIgnored") // what it comes to is told to its promise
final class CloseDelimited extends ChannelOutboundHandlerAdapter {
  private static final int RESET = 0;
  private static final int USUAL = -1;

  private boolean isWhole;

  /**
   * Prepares a connection for such a response.
   *
   * @param context of the handler that writes and closes
   * @param done is fulfilled when the last byte is with the kernel
   */
  static void begin(ChannelHandlerContext context, ChannelPromise done) {
    var response = new CloseDelimited();
    context.channel().config().setOption(ChannelOption.SO_LINGER, RESET);
    context.pipeline().addBefore(context.name(), null, response);
    done.addListener(ended -> {
      if (ended.isSuccess()) {
        response.isWhole = true;
        context.channel().config().setOption(ChannelOption.SO_LINGER, USUAL);
      }
    });
  }

  @Override
  public void close(ChannelHandlerContext context, ChannelPromise promise) {
    ChannelHandlerContext from = isWhole ? context : context.pipeline().firstContext();
    from.close(promise);
  }
}
