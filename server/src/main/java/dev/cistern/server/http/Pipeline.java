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

/** What a new connection goes through: TLS or nothing, HTTP, one request at a time. */
@SuppressWarnings("FutureReturnValueIgnored") // a channel that is closed needs no more
final class Pipeline extends ChannelInitializer<Channel> {
  /** A channel takes more when all that it was given is with the kernel. */
  private static final WriteBufferWaterMark ONE_AT_A_TIME = new WriteBufferWaterMark(1, 1);

  private final Clients clients;
  private final ConnectionDrain drain;
  private final Handler handler;
  private final ReplyWriter writer;
  private final Executor threads;
  private final @Nullable LiveTls tls;

  /**
   * @param tls null for HTTP in clear
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

  /** Tells a client in clear why; what would first need a handshake is only closed. */
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
