package dev.cistern.server.http;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.ReferenceCountUtil;

/**
 * Handler of a connection above a limit. It sends the reason without reading a request, and closes
 * the connection.
 */
@SuppressWarnings("FutureReturnValueIgnored") // the promise receives the result of a write
final class Turned extends ChannelInboundHandlerAdapter {
  private final Handler handler;
  private final ReplyWriter writer;
  private final Refusal why;

  Turned(Handler handler, ReplyWriter writer, Refusal why) {
    this.handler = handler;
    this.writer = writer;
    this.why = why;
  }

  @Override
  public void channelActive(ChannelHandlerContext context) {
    writer.write(
        context,
        handler.refused(why),
        Framing.LAST,
        context.newPromise().addListener(written -> context.close()));
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    ReferenceCountUtil.release(message);
  }
}
