package dev.cistern.server.http;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.ReferenceCountUtil;

/**
 * The first on a connection that has to speak TLS: makes way for it with the first byte, unless
 * that begins the name of a method. A client that speaks HTTP in clear is then told so, in clear,
 * and whatever else it sends is dropped.
 */
final class OnlyTls extends ChannelInboundHandlerAdapter {
  private final LiveTls tls;
  private boolean isPlain;

  OnlyTls(LiveTls tls) {
    this.tls = tls;
  }

  /** Tells the connection that its client speaks HTTP in clear. */
  enum Event {
    PLAIN_HTTP
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    var first = (ByteBuf) message;
    if (isPlain || !first.isReadable()) {
      ReferenceCountUtil.release(message);
    } else if (isMethod(first.getByte(first.readerIndex()))) {
      isPlain = true;
      ReferenceCountUtil.release(message);
      context.fireUserEventTriggered(Event.PLAIN_HTTP);
    } else {
      context.pipeline().addAfter(context.name(), null, tls.handler(context.channel()));
      context.fireChannelRead(message);
      context.pipeline().remove(this);
    }
  }

  private static boolean isMethod(byte first) {
    return first >= 'A' && first <= 'Z';
  }
}
