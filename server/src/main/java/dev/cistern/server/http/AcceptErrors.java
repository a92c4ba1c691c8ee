package dev.cistern.server.http;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Handler of errors of a listening socket, such as too many open files. Netty pauses accepting for
 * 1 s after each error; this handler logs one line per minute. Runs on the event loop of the
 * socket.
 */
final class AcceptErrors extends ChannelInboundHandlerAdapter {
  private static final Logger LOG = LoggerFactory.getLogger(AcceptErrors.class);
  private static final long MINUTE_NANOS = 60_000_000_000L;

  private final LongSupplier nanos;
  private long loggedAt;
  private long failures;

  AcceptErrors(LongSupplier nanos) {
    this.nanos = nanos;
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    long now = nanos.getAsLong();
    failures++;
    if (loggedAt == 0 || now - loggedAt >= MINUTE_NANOS) {
      LOG.atWarn()
          .addKeyValue("address", context.channel().localAddress())
          .addKeyValue("reason", cause.getMessage())
          .addKeyValue("failures", failures)
          .log("connections not accepted, trying again every second");
      loggedAt = now;
      failures = 0;
    }
  }
}
