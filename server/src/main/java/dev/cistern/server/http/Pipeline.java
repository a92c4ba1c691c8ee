package dev.cistern.server.http;

import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.handler.codec.http.HttpResponseEncoder;
import io.netty.handler.timeout.IdleStateHandler;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** What a new connection goes through: TLS or nothing, HTTP, one request at a time. */
final class Pipeline extends ChannelInitializer<Channel> {
  private static final int PIECE_BYTES = 64 << 10;

  /** A channel takes more when all that it was given is with the kernel. */
  private static final WriteBufferWaterMark ONE_AT_A_TIME = new WriteBufferWaterMark(1, 1);

  private final HttpSettings settings;
  private final Handler handler;
  private final ReplyWriter writer;
  private final Executor threads;
  private final @Nullable LiveTls tls;

  /**
   * @param tls null for HTTP in clear
   */
  Pipeline(
      HttpSettings settings,
      Handler handler,
      ReplyWriter writer,
      Executor threads,
      @Nullable LiveTls tls) {
    this.settings = settings;
    this.handler = handler;
    this.writer = writer;
    this.threads = threads;
    this.tls = tls;
  }

  @Override
  protected void initChannel(Channel channel) {
    ChannelPipeline pipeline = channel.pipeline();
    pipeline.addLast(new IdleStateHandler(0, 0, settings.idle().toMillis(), TimeUnit.MILLISECONDS));
    if (tls != null) {
      channel.config().setOption(ChannelOption.WRITE_BUFFER_WATER_MARK, ONE_AT_A_TIME);
      pipeline.addLast(new OnlyTls(tls), new FilePieces(() -> PIECE_BYTES));
    }
    pipeline.addLast(
        new StrictRequestDecoder(),
        new HttpResponseEncoder(),
        new Connection(handler, writer, threads));
  }
}
