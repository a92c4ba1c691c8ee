package dev.cistern.server.http;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.handler.codec.http.HttpResponseEncoder;
import io.netty.handler.timeout.IdleStateHandler;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.InstantSource;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/** The listening socket and the event loops, one loop a core. */
@SuppressWarnings("FutureReturnValueIgnored") // what a write comes to is told to its promise
public final class HttpServer implements AutoCloseable {
  private static final int BACKLOG = 1024;

  private final EventLoopGroup loops;
  private final ExecutorService threads;
  private final Channel listener;

  private HttpServer(EventLoopGroup loops, ExecutorService threads, Channel listener) {
    this.loops = loops;
    this.threads = threads;
    this.listener = listener;
  }

  /**
   * Starts to listen.
   *
   * @throws IOException if the address cannot be bound
   */
  public static HttpServer start(HttpSettings settings, Handler handler, InstantSource clock)
      throws IOException {
    NativeTransport transport = NativeTransport.best();
    var loops =
        new MultiThreadIoEventLoopGroup(Runtime.getRuntime().availableProcessors(), transport.io());
    ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    var writer = new ReplyWriter(clock, threads);
    ChannelFuture bound =
        new ServerBootstrap()
            .group(loops)
            .channel(transport.server())
            .option(ChannelOption.SO_BACKLOG, BACKLOG)
            .option(ChannelOption.SO_REUSEADDR, true)
            .childOption(ChannelOption.TCP_NODELAY, true)
            .childHandler(
                new ChannelInitializer<Channel>() {
                  @Override
                  protected void initChannel(Channel channel) {
                    channel
                        .pipeline()
                        .addLast(
                            new IdleStateHandler(
                                0, 0, settings.idle().toMillis(), TimeUnit.MILLISECONDS),
                            new StrictRequestDecoder(),
                            new HttpResponseEncoder(),
                            new Connection(handler, writer, threads));
                  }
                })
            .bind(settings.listen())
            .awaitUninterruptibly();
    if (!bound.isSuccess()) {
      loops.shutdownGracefully(0, 0, TimeUnit.SECONDS);
      threads.close();
      throw new IOException(
          "cannot listen on " + settings.listen() + ": " + bound.cause().getMessage(),
          bound.cause());
    }
    return new HttpServer(loops, threads, bound.channel());
  }

  /** Returns the address that was bound. */
  public InetSocketAddress address() {
    return (InetSocketAddress) listener.localAddress();
  }

  /** Stops listening, lets running replies go on for {@code seconds} at most, and closes. */
  public void stop(int seconds) {
    listener.close().awaitUninterruptibly();
    loops.shutdownGracefully(0, seconds, TimeUnit.SECONDS).awaitUninterruptibly();
    threads.shutdownNow();
  }

  @Override
  public void close() {
    stop(0);
  }
}
