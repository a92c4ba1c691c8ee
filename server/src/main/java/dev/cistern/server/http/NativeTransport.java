package dev.cistern.server.http;

import io.netty.channel.IoHandlerFactory;
import io.netty.channel.ServerChannel;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;

/** The kernel's interface for sockets: epoll on Linux, the JDK's elsewhere. */
record NativeTransport(IoHandlerFactory io, Class<? extends ServerChannel> server) {
  static NativeTransport best() {
    return Epoll.isAvailable()
        ? new NativeTransport(EpollIoHandler.newFactory(), EpollServerSocketChannel.class)
        : new NativeTransport(NioIoHandler.newFactory(), NioServerSocketChannel.class);
  }
}
