package dev.cistern.server.http;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollDomainDatagramChannel;
import io.netty.channel.unix.DomainSocketAddress;
import java.io.IOException;

/**
 * The Unix datagram socket of a service manager, sd_notify(3). Sending does not block: a message
 * that cannot be sent is dropped. Linux only. Safe for all threads.
 */
@SuppressWarnings("FutureReturnValueIgnored") // a notification is not waited for
public final class NotifySocket implements AutoCloseable {
  private final Channel channel;

  private NotifySocket(Channel channel) {
    this.channel = channel;
  }

  /**
   * Connects to the socket.
   *
   * @param path the value of NOTIFY_SOCKET: a path, or a name in the abstract namespace after an @
   * @throws IOException if no process listens there, or this system has no such sockets
   */
  static NotifySocket connect(String path, EventLoopGroup loops) throws IOException {
    if (!Epoll.isAvailable()) {
      throw new IOException("Unix datagram sockets are available on Linux only");
    }
    String address = path.startsWith("@") ? "\0" + path.substring(1) : path;
    ChannelFuture connected =
        new Bootstrap()
            .group(loops)
            .channel(EpollDomainDatagramChannel.class)
            .handler(new ChannelInboundHandlerAdapter())
            .connect(new DomainSocketAddress(address))
            .awaitUninterruptibly();
    if (!connected.isSuccess()) {
      throw new IOException("cannot connect to " + path, connected.cause());
    }
    return new NotifySocket(connected.channel());
  }

  /** Sends assignments such as {@code READY=1}, one per line. */
  public void send(String assignments) {
    channel.writeAndFlush(Unpooled.copiedBuffer(assignments, UTF_8));
  }

  @Override
  public void close() {
    channel.close();
  }
}
