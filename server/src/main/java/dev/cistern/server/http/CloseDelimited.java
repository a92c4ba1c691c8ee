package dev.cistern.server.http;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;

/**
 * Handler that ends a response whose end is marked only by the end of its connection. A complete
 * response ends with an orderly close. An incomplete one ends with a reset, whether a failed
 * download, a timeout or the end of the process interrupts it. Under TLS an incomplete response
 * ends without a close_notify. Runs on the event loop.
 */
@SuppressWarnings("FutureReturnValueIgnored") // the promise receives the result
final class CloseDelimited extends ChannelOutboundHandlerAdapter {
  private static final int RESET = 0;
  private static final int USUAL = -1;

  private boolean isWhole;

  /**
   * Prepares a connection for such a response.
   *
   * @param context the context of the handler that writes and closes
   * @param done the promise that is fulfilled when the kernel has taken the last byte
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
