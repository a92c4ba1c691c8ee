package dev.cistern.server.http;

import io.netty.channel.Channel;
import io.netty.channel.ChannelException;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.ServerChannel;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;

/** The socket interface of the kernel: epoll on Linux, that of the JDK elsewhere. */
record NativeTransport(IoHandlerFactory io, Class<? extends ServerChannel> server) {
  /** The state (linux/tcp_states.h) of a connection whose last bytes are not acknowledged. */
  private static final int TCP_FIN_WAIT1 = 4;

  static NativeTransport best() {
    return Epoll.isAvailable()
        ? new NativeTransport(EpollIoHandler.newFactory(), EpollServerSocketChannel.class)
        : new NativeTransport(NioIoHandler.newFactory(), NioServerSocketChannel.class);
  }

  /**
   * Returns whether the client's kernel has acknowledged all sent bytes, after the output of the
   * connection was shut down. True where the kernel does not report it.
   */
  static boolean isDelivered(Channel channel) {
    return !(channel instanceof EpollSocketChannel socket)
        || !socket.isOpen()
        || socket.tcpInfo().state() != TCP_FIN_WAIT1;
  }

  /**
   * Corks the connection, or uncorks it if {@code isOn} is false. A corked connection holds back
   * incomplete packets. The head is then sent with the beginning of its file, instead of waking the
   * client alone. No effect where the kernel does not support it.
   */
  static void cork(Channel channel, boolean isOn) {
    if (channel instanceof EpollSocketChannel socket && socket.isOpen()) {
      socket.config().setTcpCork(isOn);
    }
  }

  /**
   * Limits the bytes that the kernel accepts before it can send them (TCP_NOTSENT_LOWAT), instead
   * of up to 4 MiB. Generated content is then generated no faster than the client reads, and does
   * not wait uncounted in the kernel's memory. No effect where the kernel does not support it.
   *
   * @param bytes the maximum; 0 for the kernel's own limit
   */
  static void limitUnsent(Channel channel, int bytes) {
    if (channel instanceof EpollSocketChannel socket && socket.isOpen()) {
      try {
        socket.config().setTcpNotSentLowAt(bytes);
      } catch (ChannelException e) {
        // A kernel without this option, such as that of a sandbox, takes as much as it does.
      }
    }
  }
}
