package dev.cistern.server.http;

import io.netty.channel.Channel;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.ServerChannel;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;

/** The kernel's interface for sockets: epoll on Linux, the JDK's elsewhere. */
record NativeTransport(IoHandlerFactory io, Class<? extends ServerChannel> server) {
  /** The states (linux/tcp_states.h) of a connection whose last bytes are not acknowledged. */
  private static final int TCP_FIN_WAIT1 = 4;

  static NativeTransport best() {
    return Epoll.isAvailable()
        ? new NativeTransport(EpollIoHandler.newFactory(), EpollServerSocketChannel.class)
        : new NativeTransport(NioIoHandler.newFactory(), NioServerSocketChannel.class);
  }

  /**
   * Returns whether the client's kernel has acknowledged everything that was sent, after our half
   * of the connection was ended. True where the kernel does not say.
   */
  static boolean isDelivered(Channel channel) {
    return !(channel instanceof EpollSocketChannel socket)
        || !socket.isOpen()
        || socket.tcpInfo().state() != TCP_FIN_WAIT1;
  }

  /**
   * Holds back what does not fill a packet, until it is called with false: so a head travels with
   * the beginning of its file instead of waking the client for itself. Nothing where the kernel
   * cannot.
   */
  static void cork(Channel channel, boolean isOn) {
    if (channel instanceof EpollSocketChannel socket && socket.isOpen()) {
      socket.config().setTcpCork(isOn);
    }
  }

  /**
   * Has the kernel take only so many bytes that it cannot send yet (TCP_NOTSENT_LOWAT), instead of
   * up to 4 MiB: what is made for a client is then made no faster than the client reads, and does
   * not wait in the kernel's memory uncounted. Nothing where the kernel cannot.
   *
   * @param bytes 0 for the kernel's own bound
   */
  static void limitUnsent(Channel channel, int bytes) {
    if (channel instanceof EpollSocketChannel socket && socket.isOpen()) {
      socket.config().setTcpNotSentLowAt(bytes);
    }
  }
}
