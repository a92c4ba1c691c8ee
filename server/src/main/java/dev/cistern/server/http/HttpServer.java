package dev.cistern.server.http;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The HTTP server: the listening sockets and the event loops, one loop per core. */
@SuppressWarnings("FutureReturnValueIgnored") // the promise receives the result of a write
public final class HttpServer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(HttpServer.class);
  private static final int BACKLOG = 1024;

  private final EventLoopGroup loops;
  private final ExecutorService threads;
  private final List<Channel> listeners;
  private final ConnectionDrain drain;
  private final @Nullable LiveTls tls;

  private HttpServer(
      EventLoopGroup loops,
      ExecutorService threads,
      List<Channel> listeners,
      ConnectionDrain drain,
      @Nullable LiveTls tls) {
    this.loops = loops;
    this.threads = threads;
    this.listeners = listeners;
    this.drain = drain;
    this.tls = tls;
  }

  /**
   * Starts the server.
   *
   * @param clients the counters of connections and requests
   * @param pulse the monitor of the event loops
   * @throws IOException if the address cannot be bound, or the certificate cannot be used
   */
  public static HttpServer start(
      HttpSettings settings, Clients clients, LoopPulse pulse, Handler handler, InstantSource clock)
      throws IOException {
    NativeTransport transport = NativeTransport.best();
    var loops =
        new MultiThreadIoEventLoopGroup(Runtime.getRuntime().availableProcessors(), transport.io());
    pulse.watch(loops);
    ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    var writer = new ReplyWriter(clock, threads);
    var drain = new ConnectionDrain();
    ServerBootstrap bootstrap =
        new ServerBootstrap()
            .group(loops)
            .channel(transport.server())
            .option(ChannelOption.SO_BACKLOG, BACKLOG)
            .option(ChannelOption.SO_REUSEADDR, true)
            .childOption(ChannelOption.TCP_NODELAY, true);
    try {
      Optional<TlsSettings> wanted = settings.tls();
      @Nullable LiveTls tls = wanted.isPresent() ? LiveTls.open(wanted.get(), threads) : null;
      var listeners = new ArrayList<Channel>();
      var pipeline = new Pipeline(clients, drain, handler, writer, threads, tls);
      listeners.add(bind(bootstrap.clone(), settings.listen(), pipeline));
      if (wanted.isPresent() && wanted.get().redirect().isPresent()) {
        var redirect = new Redirect(handler, port(listeners.getFirst()));
        var plain = new Pipeline(clients, drain, redirect, writer, threads, null);
        Channel listener = bind(bootstrap.clone(), wanted.get().redirect().get(), plain);
        listeners.add(listener);
        LOG.atInfo().addKeyValue("address", listener.localAddress()).log("redirecting to https");
      }
      if (tls != null) {
        tls.follow();
      }
      return new HttpServer(loops, threads, listeners, drain, tls);
    } catch (IOException e) {
      loops.shutdownGracefully(0, 0, TimeUnit.SECONDS);
      threads.close();
      throw e;
    }
  }

  private static Channel bind(
      ServerBootstrap bootstrap, InetSocketAddress address, Pipeline pipeline) throws IOException {
    ChannelFuture bound = bootstrap.childHandler(pipeline).bind(address).awaitUninterruptibly();
    if (!bound.isSuccess()) {
      throw new IOException(
          "cannot listen on " + address + ": " + bound.cause().getMessage(), bound.cause());
    }
    bound.channel().pipeline().addLast(new AcceptErrors(System::nanoTime));
    return bound.channel();
  }

  private static int port(Channel listener) {
    return ((InetSocketAddress) listener.localAddress()).getPort();
  }

  /** Returns the bound address. */
  public InetSocketAddress address() {
    return (InetSocketAddress) listeners.getFirst().localAddress();
  }

  /** Returns the TLS provider; "none" without TLS. */
  public String encryption() {
    return tls == null ? "none" : tls.provider();
  }

  /**
   * Connects to the socket of a service manager.
   *
   * @param path the path, as in NOTIFY_SOCKET
   */
  public NotifySocket notifySocket(String path) throws IOException {
    return NotifySocket.connect(path, loops);
  }

  /** Starts to count the responses that end; see {@link #drained}. */
  public void beginDrain() {
    drain.begin();
  }

  /**
   * Stops accepting connections, and closes the open ones. Idle connections are closed soon, the
   * others after their response, which has {@code Connection: close}.
   */
  public void closeListeners() {
    listeners.forEach(listener -> listener.close().awaitUninterruptibly());
    drain.closeConnections();
  }

  /**
   * Waits after {@link #closeListeners} until each client has its response and the last connection
   * is closed.
   *
   * @return whether all connections are closed; false after {@code atMost}
   */
  public boolean awaitConnections(Duration atMost) throws InterruptedException {
    return drain.awaitNone(atMost);
  }

  /** Returns the requests in flight. */
  public InFlight inFlight() throws InterruptedException {
    return drain.inFlight();
  }

  /** Returns the number of responses that were sent completely since {@link #beginDrain}. */
  public long drained() {
    return drain.endedCount();
  }

  /**
   * Stops listening, closes all connections, including those with a response in progress, and ends
   * the event loops. Their remaining tasks may run for at most {@code seconds}.
   */
  public void stop(int seconds) {
    if (tls != null) {
      tls.close();
    }
    listeners.forEach(listener -> listener.close().awaitUninterruptibly());
    loops.shutdownGracefully(0, seconds, TimeUnit.SECONDS).awaitUninterruptibly();
    threads.shutdownNow();
  }

  @Override
  public void close() {
    stop(0);
  }
}
