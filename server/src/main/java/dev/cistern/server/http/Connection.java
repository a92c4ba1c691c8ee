package dev.cistern.server.http;

import dev.cistern.base.Guarded;
import dev.cistern.base.MemoryBudget;
import dev.cistern.base.MemoryBudget.Account;
import dev.cistern.base.MemoryBudget.Lease;
import dev.cistern.mirror.DirectBlob;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelPromise;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.codec.DecoderException;
import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http.TooLongHttpHeaderException;
import io.netty.handler.codec.http.TooLongHttpLineException;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import io.netty.util.ReferenceCountUtil;
import java.io.IOException;
import java.security.cert.X509Certificate;
import java.util.ArrayDeque;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.Executor;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import javax.net.ssl.SSLPeerUnverifiedException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The handler of one client's connection. It processes one request at a time, in the order of
 * arrival. Runs on the connection's event loop. A request whose response is not available in memory
 * is handled on a virtual thread; its response is written on the event loop.
 */
@SuppressWarnings("FutureReturnValueIgnored") // the promise receives the result of a write
final class Connection extends ChannelInboundHandlerAdapter {
  private static final Logger LOG = LoggerFactory.getLogger(Connection.class);
  private static final long MOST_DISCARDED_BYTES = 16L << 20;

  /** Memory of a pipelined request with a parsed head of a few header fields. */
  private static final int PIPELINED_BYTES = 2 << 10;

  private final Handler handler;
  private final ReplyWriter writer;
  private final Executor threads;
  private final Clients clients;
  private final Clients.Client client;
  private final ConnectionDrain drain;
  private final StrictRequestDecoder decoder;
  private final Patience patience;
  private final ArrayDeque<Object> early = new ArrayDeque<>();
  private final Lease pipelined;
  private @Nullable Exchange current;
  private @Nullable Future<?> looks;
  private boolean isSecured;
  private boolean isGivenUp;
  private long requests;
  private long idleSince = System.nanoTime();
  private long receivedBytes;
  private Optional<X509Certificate> certificate = Optional.empty();
  private long discardedBytes;
  private boolean isLingering;
  private boolean isOverfull;

  /**
   * @param client the client of the connection
   * @param drain the drain that requests the close of the connection
   * @param decoder the decoder before this handler
   * @param isTls whether the connection begins with a handshake
   */
  Connection(
      Handler handler,
      ReplyWriter writer,
      Executor threads,
      Clients clients,
      Clients.Client client,
      ConnectionDrain drain,
      StrictRequestDecoder decoder,
      boolean isTls) {
    this.handler = handler;
    this.writer = writer;
    this.threads = threads;
    this.clients = clients;
    this.client = client;
    this.drain = drain;
    this.decoder = decoder;
    this.isSecured = !isTls;
    this.pipelined = clients.memory().lease(Account.PIPELINED, client.holders());
    this.patience = new Patience(clients.limits(), System.nanoTime());
  }

  /** A request in progress and the state of its response. */
  private static final class Exchange {
    private final Request request;
    private final boolean isKeptAlive;
    private final boolean knowsChunks;
    private final long begun = System.nanoTime();
    private boolean isCounted;
    private boolean isReplied;

    /**
     * True if the connection is closed instead of sending the response, because memory is short.
     */
    private boolean isCut;

    private @Nullable Reply refusal;
    private @Nullable ChannelPromise done;
    private LongSupplier sent = () -> 0;

    Exchange(Request request, HttpRequest head) {
      this.request = request;
      this.isKeptAlive = HttpUtil.isKeepAlive(head);
      this.knowsChunks = head.protocolVersion().compareTo(HttpVersion.HTTP_1_1) >= 0;
    }
  }

  @Override
  public void channelActive(ChannelHandlerContext context) {
    long pause = Patience.pause(clients.limits());
    looks =
        context
            .executor()
            .scheduleAtFixedRate(
                () -> Loop.run(context, "look at a connection", () -> look(context)),
                pause,
                pause,
                TimeUnit.NANOSECONDS);
    if (drain.isClosing()) {
      closeWhenIdle(context);
    }
  }

  /**
   * Closes the connection if it has been idle for {@link ConnectionDrain#IDLE_GRACE}. Until then a
   * request may be on its way, and would be lost.
   */
  private void closeWhenIdle(ChannelHandlerContext context) {
    if (!isIdle()) {
      return; // called again after the handshake, or closed with the response
    }
    long left = idleNanosLeft();
    if (left > 0) {
      context
          .executor()
          .schedule(
              () -> Loop.run(context, "idle connection", () -> closeWhenIdle(context)),
              left,
              TimeUnit.NANOSECONDS);
    } else {
      context.close();
    }
  }

  private boolean isIdle() {
    return isSecured && current == null && !decoder.isWithinHead();
  }

  /** Returns how long an idle connection stays open for a request on its way, in nanoseconds. */
  private long idleNanosLeft() {
    return ConnectionDrain.IDLE_GRACE.toNanos() - (System.nanoTime() - idleSince);
  }

  /** Returns the request in progress as a count. Event loop. */
  InFlight inFlight() {
    if (current == null || isLingering) {
      return InFlight.NONE;
    }
    return current.request.isGetOrHead() ? new InFlight(1, 0) : new InFlight(0, 1);
  }

  /** Ends a phase that takes too long: at first with a response, at the next check without one. */
  private void look(ChannelHandlerContext context) {
    Patience.Phase phase = phase(context);
    long moved = phase == Patience.Phase.BODY ? receivedBytes : progress(context);
    if (!patience.isOver(phase, requests, moved, System.nanoTime())) {
      return;
    }
    @Nullable Refusal why = Patience.refusal(phase);
    if (why != null && !isGivenUp) {
      clients.count(why);
    }
    boolean isAgain = isGivenUp;
    isGivenUp = true;
    if (isAgain) {
      context.close();
    } else if (phase == Patience.Phase.HEAD && decoder.isWithinHead()) {
      writeLast(context, handler.refused(Refusal.SLOW_HEAD));
    } else if (phase == Patience.Phase.BODY && current != null && !current.isReplied) {
      refuse(current, handler.refused(Refusal.SLOW_BODY));
    } else {
      context.close();
    }
  }

  private Patience.Phase phase(ChannelHandlerContext context) {
    if (!isSecured) {
      return Patience.Phase.HANDSHAKE;
    }
    if (current == null) {
      boolean isHead = requests == 0 || decoder.isWithinHead();
      return isHead ? Patience.Phase.HEAD : Patience.Phase.BETWEEN;
    }
    @Nullable ChannelOutboundBuffer out = context.channel().unsafe().outboundBuffer();
    if (out != null && !out.isEmpty()) {
      return Patience.Phase.REPLY;
    }
    boolean isReading = context.channel().config().isAutoRead();
    boolean isOwed = current.refusal != null && !current.isReplied;
    boolean isComing = isReading && !isOwed && !current.request.body().isEnded();
    return isComing ? Patience.Phase.BODY : Patience.Phase.OURS;
  }

  /** Returns a number that changes whenever a part of a response was sent. */
  private static long progress(ChannelHandlerContext context) {
    @Nullable ChannelOutboundBuffer out = context.channel().unsafe().outboundBuffer();
    return out == null
        ? 0
        : 31 * (31 * out.totalPendingWriteBytes() + out.currentProgress())
            + System.identityHashCode(out.current());
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    if (isLingering && current != null && current.request.body().isEnded()) {
      ReferenceCountUtil.release(message); // the response has announced the close
      return;
    }
    boolean belongsToCurrent =
        current != null && message instanceof HttpContent && !current.request.body().isEnded();
    if (current != null && !belongsToCurrent) {
      keepEarly(context, message);
    } else {
      take(context, message);
    }
    updateReading(context);
  }

  /**
   * Keeps a message that arrived before its turn. One read may contain thousands of pipelined
   * requests, each far larger as an object than as text. If a client sends more than there is
   * memory for, its connection is closed.
   */
  private void keepEarly(ChannelHandlerContext context, Object message) {
    if (message instanceof HttpRequest) {
      if (isOverfull || !pipelined.tryTake(PIPELINED_BYTES)) {
        if (!isOverfull) {
          clients.count(Refusal.MEMORY);
          context.close();
        }
        isOverfull = true;
      }
    }
    if (isOverfull) {
      ReferenceCountUtil.release(message);
    } else {
      early.add(message);
    }
  }

  private Object nextEarly() {
    Object message = early.remove();
    if (message instanceof HttpRequest) {
      pipelined.give(PIPELINED_BYTES);
    }
    return message;
  }

  private void take(ChannelHandlerContext context, Object message) {
    DecoderResult decoded = ((HttpObject) message).decoderResult();
    if (decoded.isFailure()) {
      ReferenceCountUtil.release(message);
      refuse(context, decoded.cause());
    } else if (message instanceof HttpRequest head) {
      begin(context, head);
    } else if (message instanceof HttpContent content) {
      addContent(context, content);
    }
  }

  private void begin(ChannelHandlerContext context, HttpRequest head) {
    OptionalLong length = length(head);
    boolean hasBody = length.isPresent() || HttpUtil.isTransferEncodingChunked(head);
    var body =
        new RequestBody(
            length,
            HttpUtil.is100ContinueExpected(head) ? () -> sendContinue(context) : () -> {},
            () -> Loop.execute(context, "body of a request", () -> updateReading(context)),
            clients.memory().lease(Account.REQUEST_BODIES, client.holders()));
    var exchange =
        new Exchange(
            new Request(head, body, client.address(), certificate, clients.memory()), head);
    current = exchange;
    requests++;
    exchange.isCounted = client.begin();
    @Nullable Reply now = decided(exchange, hasBody);
    if (now == null) {
      threads.execute(() -> decide(context, exchange));
      return;
    }
    if (!hasBody) {
      body.add(Unpooled.EMPTY_BUFFER, true);
    }
    reply(context, exchange, now);
  }

  /** Returns the response if it requires no thread, or null. */
  private @Nullable Reply decided(Exchange exchange, boolean hasBody) {
    if (!exchange.isCounted) {
      clients.count(Refusal.CLIENT_REQUESTS);
      return handler.refused(Refusal.CLIENT_REQUESTS);
    }
    Reply turnedAway = handler.turnedAway(exchange.request);
    return turnedAway != null || hasBody ? turnedAway : atHand(exchange);
  }

  /**
   * Returns the response if it is available in memory, or null. A long response takes memory before
   * it is written. A short one takes memory only if the socket does not accept it immediately, see
   * {@link #holdOrCut}. An exception is reported; the request is then handled on a virtual thread,
   * where the handler answers the failure.
   */
  private @Nullable Reply atHand(Exchange exchange) {
    try {
      Reply reply = handler.atHand(exchange.request);
      return reply == null || memory(reply.body()) <= MemoryBudget.SMALL_BYTES
          ? reply
          : bounded(exchange, reply);
    } catch (RuntimeException | Error e) {
      Guarded.report("reply at hand", e);
      return null;
    }
  }

  /** Runs on a virtual thread. */
  private void decide(ChannelHandlerContext context, Exchange exchange) {
    try {
      Reply decided = handler.handle(exchange.request);
      exchange.request.decided();
      Reply reply = bounded(exchange, decided);
      Loop.execute(context, "reply", () -> reply(context, exchange, reply));
    } catch (RuntimeException | Error e) {
      Guarded.report("request", e);
      end(exchange);
      context.close();
    }
  }

  /**
   * Takes memory for the part of a response that waits in memory. A completed change can no longer
   * be refused, so its request has reserved memory before. If the response is longer than that, and
   * there is no memory, the connection is closed instead.
   */
  private Reply bounded(Exchange exchange, Reply reply) {
    Lease lease = exchange.request.replyLease(account(reply.body()));
    if (lease.tryResize(memory(reply.body()))) {
      return reply;
    }
    ReplyWriter.release(reply);
    lease.tryResize(0);
    clients.count(Refusal.MEMORY);
    if (exchange.request.isGetOrHead() || reply.status() >= 300) {
      return handler.refused(Refusal.MEMORY);
    }
    exchange.isCut = true;
    return reply.body(ReplyBody.NONE);
  }

  private static Account account(ReplyBody body) {
    return body instanceof ReplyBody.Direct || body instanceof ReplyBody.Following
        ? Account.PASS_THROUGH
        : Account.RESPONSES;
  }

  /** Returns the number of bytes that wait in memory until they are sent. */
  private static long memory(ReplyBody body) {
    return switch (body) {
      case ReplyBody.Bytes(byte[] bytes) -> bytes.length;
      case ReplyBody.Direct direct -> Relay.BUFFER_BYTES;
      case ReplyBody.None none -> 0;
      case ReplyBody.FilePart part -> 0; // read by the kernel, or FilePieces takes memory
      case ReplyBody.FileParts parts -> 0;
      case ReplyBody.Following following -> 0;
      case ReplyBody.Pieces pieces -> 0; // takes memory itself
    };
  }

  private void reply(ChannelHandlerContext context, Exchange exchange, Reply decided) {
    Reply reply = decided;
    if (exchange.refusal != null) {
      ReplyWriter.release(decided);
      reply = exchange.refusal;
    }
    write(context, exchange, reply);
    updateReading(context);
  }

  private void write(ChannelHandlerContext context, Exchange exchange, Reply reply) {
    exchange.request.body().discard();
    exchange.isReplied = true;
    boolean isDelimited = exchange.knowsChunks || ReplyWriter.hasLength(reply);
    boolean isKeptAlive =
        exchange.isKeptAlive
            && isDelimited
            && !drain.isClosing()
            && !isTooMuchToCome(exchange.request)
            && exchange.refusal == null;
    ChannelPromise done = context.newPromise();
    if (!isDelimited) {
      CloseDelimited.begin(context, done);
    }
    exchange.done = done;
    done.addListener(
        Loop.after(
            context,
            "end of a reply",
            ended -> {
              Sent sent = sent(exchange, reply, ended.isSuccess() ? null : ended.cause());
              end(exchange);
              idleSince = System.nanoTime();
              handler.done(exchange.request, reply, sent, idleSince - exchange.begun);
              if (ended.isSuccess()) {
                drain.ended();
              }
              if (isKeptAlive && ended.isSuccess()) {
                next(context, exchange);
              } else if (ended.isSuccess()
                  && (drain.isClosing() || !exchange.request.body().isEnded())) {
                linger(context);
              } else {
                context.close();
              }
            }));
    if (!context.channel().isActive() || exchange.isCut) {
      ReplyWriter.release(reply);
      done.setFailure(left());
      return;
    }
    var framing = new Framing(exchange.request.isHead(), isKeptAlive, exchange.knowsChunks);
    writer.write(
        context,
        reply,
        framing,
        () -> exchange.request.replyLease(Account.PASS_THROUGH),
        done,
        sent -> exchange.sent = sent);
    if (!done.isDone()) {
      holdOrCut(context, exchange, reply);
    }
  }

  /**
   * Takes memory for a response that waits for its reader, if it has none yet. Closes the
   * connection if there is no memory.
   */
  private void holdOrCut(ChannelHandlerContext context, Exchange exchange, Reply reply) {
    if (reply.body() instanceof ReplyBody.Bytes(byte[] bytes)
        && !exchange.request.isHead()
        && !exchange.request.replyLease(Account.RESPONSES).tryResize(bytes.length)) {
      clients.count(Refusal.MEMORY);
      exchange.isCut = true;
      context.close();
    }
  }

  private static Sent sent(Exchange exchange, Reply reply, @Nullable Throwable failure) {
    if (failure == null) {
      boolean isHead = exchange.request.isHead();
      return new Sent(isHead ? 0 : length(exchange, reply), Sent.Ending.COMPLETE);
    }
    boolean isOurs =
        exchange.isCut
            || failure instanceof ReplyCutException
            || ReplyWriter.isCutByFile(reply, failure);
    return new Sent(
        exchange.sent.getAsLong(), isOurs ? Sent.Ending.CUT_BY_SERVER : Sent.Ending.CUT_BY_CLIENT);
  }

  /** Releases the limited resources of a request. */
  private void end(Exchange exchange) {
    if (exchange.isCounted) {
      client.end();
    }
    exchange.request.end();
  }

  private static IOException left() {
    return new IOException("the client has left");
  }

  /** Returns whether the rest of an unused body is too long to read, or may never arrive. */
  private static boolean isTooMuchToCome(Request request) {
    return !request.body().isEnded()
        && (request.hasHeader("Expect")
            || request.body().length().orElse(0) > MOST_DISCARDED_BYTES);
  }

  /**
   * Shuts down the output of the connection and continues reading for a while. If the connection
   * were closed while the client still sends, the client could lose the response (RFC 9112 section
   * 9.6). The same applies if a container ends, with its network, while the kernel still holds a
   * part of the response.
   */
  private void linger(ChannelHandlerContext context) {
    isLingering = true;
    releaseEarly();
    updateReading(context);
    SslHandler tls = context.pipeline().get(SslHandler.class);
    if (tls != null) {
      tls.closeOutbound();
    }
    if (context.channel() instanceof DuplexChannel channel) {
      ChannelFuture ended = channel.shutdownOutput();
      if (drain.isClosing()) {
        ended.addListener(done -> closeWhenDelivered(context));
      }
    } else {
      context.close();
    }
  }

  /** Closes the connection once the client's kernel has received the whole response. */
  private void closeWhenDelivered(ChannelHandlerContext context) {
    if (!context.channel().isActive()) {
      return;
    }
    boolean isRead = current == null || current.request.body().isEnded();
    if (isRead && NativeTransport.isDelivered(context.channel())) {
      context.close();
    } else {
      context
          .executor()
          .schedule(
              () -> Loop.run(context, "last bytes", () -> closeWhenDelivered(context)),
              ConnectionDrain.DELIVERY_CHECK.toMillis(),
              TimeUnit.MILLISECONDS);
    }
  }

  private static long length(Exchange exchange, Reply reply) {
    return switch (reply.body()) {
      case ReplyBody.None none -> 0;
      case ReplyBody.Bytes(byte[] bytes) -> bytes.length;
      case ReplyBody.FilePart part -> part.count();
      case ReplyBody.FileParts parts ->
          parts.parts().stream().mapToLong(ReplyBody.Part::count).sum();
      case ReplyBody.Following following ->
          (following.end() < 0 ? following.fill().size() : following.end()) - following.from();
      case ReplyBody.Direct(DirectBlob blob) -> Math.max(0, blob.count());
      case ReplyBody.Pieces pieces -> exchange.sent.getAsLong();
    };
  }

  /**
   * Continues after a response. The next request begins once the rest of this request's body has
   * arrived.
   */
  private void next(ChannelHandlerContext context, Exchange exchange) {
    if (current != exchange || !exchange.request.body().isEnded()) {
      return;
    }
    current = null;
    while (current == null && !early.isEmpty()) {
      take(context, nextEarly());
    }
    while (current != null
        && !early.isEmpty()
        && early.peek() instanceof HttpContent
        && !current.request.body().isEnded()) {
      take(context, nextEarly());
    }
    updateReading(context);
    if (drain.isClosing()) {
      closeWhenIdle(context);
    }
  }

  private void addContent(ChannelHandlerContext context, HttpContent content) {
    Exchange exchange = current;
    if (exchange == null) {
      content.release();
      return;
    }
    ByteBuf bytes = content.content();
    receivedBytes += bytes.readableBytes();
    if (exchange.isReplied) {
      discardedBytes += bytes.readableBytes();
    }
    exchange.request.body().add(bytes, content instanceof LastHttpContent);
    boolean isOver = isLingering && exchange.request.body().isEnded();
    if (discardedBytes > MOST_DISCARDED_BYTES || isOver) {
      context.close();
    } else if (exchange.isReplied && exchange.request.body().isEnded()) {
      discardedBytes = 0;
      next(context, exchange);
    }
  }

  private void refuse(ChannelHandlerContext context, Throwable cause) {
    if (current != null && current.isReplied) {
      context.close();
      return;
    }
    int status =
        switch (cause) {
          case TooLongHttpLineException line -> 414;
          case TooLongHttpHeaderException header -> 431;
          default -> 400;
        };
    Reply reply = handler.malformed(String.valueOf(cause.getMessage()), status);
    if (current != null) {
      refuse(current, reply);
      return;
    }
    writeLast(context, reply);
  }

  /**
   * Gives up a request whose body will not arrive. Its response is written when the handler
   * returns.
   */
  private static void refuse(Exchange exchange, Reply reply) {
    exchange.refusal = reply;
    exchange.request.body().fail();
  }

  /** Writes a response to input that is not a complete request, and closes the connection. */
  private void writeLast(ChannelHandlerContext context, Reply reply) {
    ChannelPromise done = context.newPromise().addListener(written -> context.close());
    writer.write(context, reply, Framing.LAST, done);
  }

  private static OptionalLong length(HttpRequest head) {
    return head.headers().contains(HttpHeaderNames.CONTENT_LENGTH)
        ? OptionalLong.of(HttpUtil.getContentLength(head, 0L))
        : OptionalLong.empty();
  }

  private static void sendContinue(ChannelHandlerContext context) {
    Loop.execute(
        context,
        "answer 100",
        () ->
            context.writeAndFlush(
                new DefaultFullHttpResponse(
                    HttpVersion.HTTP_1_1, HttpResponseStatus.CONTINUE, Unpooled.EMPTY_BUFFER)));
  }

  private void updateReading(ChannelHandlerContext context) {
    boolean isFull = current != null && current.request.body().isFull();
    boolean mayRead = early.isEmpty() && !isFull;
    if (context.channel().config().isAutoRead() != mayRead) {
      context.channel().config().setAutoRead(mayRead);
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    if (looks != null) {
      looks.cancel(false);
    }
    if (current != null) {
      current.request.body().fail();
      if (current.done != null) {
        current.done.tryFailure(left());
      }
    }
    releaseEarly();
  }

  private void releaseEarly() {
    early.forEach(ReferenceCountUtil::release);
    early.clear();
    pipelined.close();
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext context, Object event) {
    if (event == ConnectionDrain.Event.CLOSING) {
      closeWhenIdle(context);
    } else if (event == ConnectionDrain.Event.CLOSE_IDLE) {
      if (isIdle() && idleNanosLeft() <= 0) {
        context.close();
      }
    } else if (event == OnlyTls.Event.PLAIN_HTTP) {
      clients.count(Refusal.PLAIN_HTTP);
      writeLast(context, handler.refused(Refusal.PLAIN_HTTP));
    } else if (event instanceof SslHandshakeCompletionEvent handshake && handshake.isSuccess()) {
      isSecured = true;
      idleSince = System.nanoTime();
      if (drain.isClosing()) {
        closeWhenIdle(context);
      }
      certificate = certificate(context.pipeline().get(SslHandler.class));
    }
  }

  private static Optional<X509Certificate> certificate(SslHandler tls) {
    try {
      return Optional.of((X509Certificate) tls.engine().getSession().getPeerCertificates()[0]);
    } catch (SSLPeerUnverifiedException e) {
      return Optional.empty(); // the client has sent none
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    boolean isTheirs = cause instanceof IOException || cause instanceof DecoderException;
    if (!isTheirs) {
      Guarded.report("connection", cause);
    } else if (!(cause instanceof IOException || cause.getCause() instanceof IOException)) {
      LOG.atWarn().addKeyValue("client", client.address()).setCause(cause).log("connection failed");
    }
    context.close();
  }
}
