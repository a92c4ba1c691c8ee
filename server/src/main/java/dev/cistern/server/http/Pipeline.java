package dev.cistern.server.http;

import dev.cistern.base.Guarded;
import dev.cistern.base.MemoryBudget.Account;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.WriteBufferWaterMark;
import java.net.InetSocketAddress;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/** The initializer of a new connection, with the handlers of TLS, if configured, and of HTTP. */
@SuppressWarnings("FutureReturnValueIgnored") // nothing depends on the result of a close
final class Pipeline extends ChannelInitializer<Channel> {
  /** Makes a channel writable only when the kernel has taken all previous data. */
  private static final WriteBufferWaterMark ONE_AT_A_TIME = new WriteBufferWaterMark(1, 1);

  private final Clients clients;
  private final ConnectionDrain drain;
  private final Handler handler;
  private final ReplyWriter writer;
  private final Executor threads;
  private final @Nullable LiveTls tls;

  /**
   * @param tls the TLS certificate; null for plain HTTP
   */
  Pipeline(
      Clients clients,
      ConnectionDrain drain,
      Handler handler,
      ReplyWriter writer,
      Executor threads,
      @Nullable LiveTls tls) {
    this.clients = clients;
    this.drain = drain;
    this.handler = handler;
    this.writer = writer;
    this.threads = threads;
    this.tls = tls;
  }

  @Override
  protected void initChannel(Channel channel) {
    Clients.Client client = clients.enter(address(channel));
    channel
        .closeFuture()
        .addListener(closed -> Guarded.run("end of a connection", () -> clients.leave(client)));
    Descriptors.Room room = clients.takeDescriptor();
    if (room != Descriptors.Room.ENOUGH) {
      drain.closeIdle();
    }
    @Nullable Refusal excess = clients.excess(client, room);
    if (excess != null) {
      clients.count(excess);
      refuse(channel, excess);
      return;
    }
    ChannelPipeline pipeline = channel.pipeline();
    if (tls != null) {
      channel.config().setOption(ChannelOption.WRITE_BUFFER_WATER_MARK, ONE_AT_A_TIME);
      pipeline.addLast(
          new OnlyTls(tls),
          new FilePieces(clients.memory().lease(Account.TLS_PIECES, client.holders())));
    }
    var decoder = new StrictRequestDecoder();
    pipeline.addLast(
        decoder,
        new ResponseEncoder(),
        new Connection(handler, writer, threads, clients, client, drain, decoder, tls != null));
    drain.add(channel);
  }

  /**
   * Sends the reason to a client of plain HTTP; a connection without a handshake is only closed.
   */
  private void refuse(Channel channel, Refusal why) {
    if (tls == null) {
      channel.pipeline().addLast(new ResponseEncoder(), new Turned(handler, writer, why));
    } else {
      channel.close();
    }
  }

  private static String address(Channel channel) {
    return channel.remoteAddress() instanceof InetSocketAddress address
        ? address.getAddress().getHostAddress()
        : "";
  }
}
