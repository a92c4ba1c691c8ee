package dev.cistern.server.http;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.ReferenceCountUtil;

/**
 * The first handler of a connection that requires TLS. At the first byte it is replaced by the TLS
 * handler, unless the byte begins the name of a method. A client of plain HTTP receives an error
 * over plain HTTP, and all its further input is dropped.
 */
final class OnlyTls extends ChannelInboundHandlerAdapter {
  private final LiveTls tls;
  private boolean isPlain;

  OnlyTls(LiveTls tls) {
    this.tls = tls;
  }

  /** The event of a client that uses plain HTTP. */
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
