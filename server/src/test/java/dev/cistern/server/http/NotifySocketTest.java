package dev.cistern.server.http;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.netty.bootstrap.Bootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollDomainDatagramChannel;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.unix.DomainDatagramPacket;
import io.netty.channel.unix.DomainSocketAddress;
import java.io.IOException;
import java.nio.file.Path;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NotifySocketTest {
  private static EventLoopGroup loops;

  private final BlockingQueue<String> received = new LinkedBlockingQueue<>();

  @BeforeAll
  static void start() {
    assumeTrue(Epoll.isAvailable(), "Unix datagram sockets are tested on Linux only");
    loops = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
  }

  @AfterAll
  static void stop() {
    if (loops != null) {
      loops.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
    }
  }

  @Test
  void aPathIsSentTo(@TempDir Path directory) throws Exception {
    String path = directory.resolve("notify").toString();
    assertSent(path, path);
  }

  @Test
  void aNameInTheAbstractNamespaceIsSentTo() throws Exception {
    String name = "cistern-test-" + UUID.randomUUID();
    assertSent("\0" + name, "@" + name);
  }

  @Test
  void whereNobodyListensIsRefused(@TempDir Path directory) {
    String path = directory.resolve("none").toString();
    assertThatThrownBy(() -> NotifySocket.connect(path, loops))
        .isInstanceOf(IOException.class)
        .hasMessage("cannot connect to " + path);
  }

  private void assertSent(String address, String path) throws IOException, InterruptedException {
    Channel receiver =
        new Bootstrap()
            .group(loops)
            .channel(EpollDomainDatagramChannel.class)
            .handler(
                new SimpleChannelInboundHandler<DomainDatagramPacket>() {
                  @Override
                  protected void channelRead0(
                      ChannelHandlerContext context, DomainDatagramPacket packet) {
                    received.add(packet.content().toString(UTF_8));
                  }
                })
            .bind(new DomainSocketAddress(address))
            .sync()
            .channel();
    try (NotifySocket socket = NotifySocket.connect(path, loops)) {
      socket.send("READY=1\nSTATUS=serving");
      assertThat(received.poll(60, TimeUnit.SECONDS)).isEqualTo("READY=1\nSTATUS=serving");
    } finally {
      receiver.close().sync();
    }
  }
}
