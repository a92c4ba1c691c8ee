package dev.cistern.server.http;

import dev.cistern.base.Guarded;
import dev.cistern.base.MemoryBudget;
import dev.cistern.base.MemoryBudget.Lease;
import dev.cistern.mirror.Fill;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http.LastHttpContent;
import java.io.IOException;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One client's reader of a growing file. It sends available bytes at the socket's pace, until the
 * end. It closes the connection if the fill fails, and continues as a {@link Relay} if there was no
 * space for the rest. Runs on the connection's event loop; only {@link #wake} is called from the
 * fill's thread.
 */
@SuppressWarnings("FutureReturnValueIgnored") // the promise receives the result of a write
final class Tail {
  private static final Logger LOG = LoggerFactory.getLogger(Tail.class);

  private final ChannelHandlerContext context;
  private final Fill fill;
  private final long end;
  private final Supplier<Lease> passThrough;
  private final Executor threads;
  private final ChannelPromise done;
  private final AtomicBoolean isScheduled = new AtomicBoolean();
  private final Runnable wake = this::wake;
  private final long from;
  private long sent;
  private @Nullable FileSection writing;
  private volatile @Nullable Relay rest;
  private boolean isWriting;

  /**
   * @param end the end of the range, exclusive; -1 for the end of the blob
   * @param passThrough the supplier of the lease for the rest if the store has no space for it
   * @param threads the executor for work that waits
   * @param done the promise that is fulfilled when all is sent; the caller fails it when the client
   *     leaves
   */
  Tail(
      ChannelHandlerContext context,
      Fill fill,
      long from,
      long end,
      Supplier<Lease> passThrough,
      Executor threads,
      ChannelPromise done) {
    this.context = context;
    this.passThrough = passThrough;
    this.threads = threads;
    this.fill = fill;
    this.from = from;
    this.sent = from;
    this.end = end;
    this.done = done;
  }

  void begin() {
    done.addListener(
        Loop.after(
            context,
            "end of a tail",
            ended -> {
              fill.unfollow(wake);
              fill.release();
            }));
    fill.follow(wake);
    send();
  }

  private void wake() {
    if (isScheduled.compareAndSet(false, true)) {
      Loop.execute(context, "tail", this::awake);
    }
  }

  private void awake() {
    isScheduled.set(false);
    send();
  }

  private void send() {
    if (isWriting || done.isDone()) {
      return;
    }
    boolean isFailed = fill.isFailed();
    boolean isComplete = fill.isComplete();
    long available = fill.available();
    long limit = end < 0 ? available : Math.min(end, available);
    if (sent < limit) {
      write(limit - sent);
    } else if (sent == end || (isComplete && sent == fill.size())) {
      context.writeAndFlush(LastHttpContent.EMPTY_LAST_CONTENT, done);
    } else if (isFailed && fill.isOverflown() && (end < 0 || end == fill.size())) {
      goOn();
    } else if (isFailed) {
      cut(new IOException("the download failed"));
    }
  }

  /** Returns the number of sent bytes. */
  long sent() {
    FileSection section = writing;
    Relay relay = rest;
    return sent
        - from
        + (section == null ? 0 : section.sent())
        + (relay == null ? 0 : relay.sent());
  }

  private void cut(Throwable cause) {
    done.tryFailure(new ReplyCutException(cause));
    context.close();
  }

  /** Continues with the rest directly from the upstream, because the store has no space for it. */
  private void goOn() {
    isWriting = true;
    threads.execute(() -> {
      try {
        passThrough.get().take(Relay.BUFFER_BYTES, MemoryBudget.PATIENCE);
        Relay relay = Relay.of(context, fill.rest(sent), done);
        rest = relay;
        relay.begin(threads);
      } catch (IOException | MemoryBudget.RefusedException e) {
        LOG.atWarn()
            .addKeyValue("digest", fill.digest())
            .addKeyValue("reason", e.getMessage())
            .log("reply cut");
        cut(e);
      } catch (RuntimeException | Error e) {
        Guarded.report("rest of " + fill.digest(), e);
        cut(e);
      }
    });
  }

  private void write(long count) {
    isWriting = true;
    var section = new FileSection(fill.channel(), sent, count);
    writing = section;
    context
        .writeAndFlush(section)
        .addListener(
            Loop.after(
                context,
                "tail",
                written -> {
                  isWriting = false;
                  if (written.isSuccess()) {
                    writing = null;
                    sent += count;
                    send();
                  } else if (section.isAtFault(written.cause())) {
                    LOG.atError()
                        .addKeyValue("digest", fill.digest())
                        .addKeyValue("reason", "the file of the download cannot be read")
                        .log("reply cut");
                    cut(written.cause());
                  } else {
                    context.close();
                  }
                }));
  }
}
