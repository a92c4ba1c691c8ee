package dev.cistern.server.http;

import dev.cistern.mirror.Fill;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.channel.DefaultFileRegion;
import io.netty.handler.codec.http.LastHttpContent;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One client's way along a file that grows: sends what is available beyond what it sent, at the
 * socket's pace, until the end; cuts the connection if the fill fails, and goes on as a {@link
 * Relay} if there was no room for the rest. Runs on the connection's event loop; only {@link #wake}
 * is called from the fill's thread.
 */
@SuppressWarnings("FutureReturnValueIgnored") // what a write comes to is told to its promise
final class Tail {
  private static final Logger LOG = LoggerFactory.getLogger(Tail.class);

  private final ChannelHandlerContext context;
  private final Fill fill;
  private final long end;
  private final Executor threads;
  private final ChannelPromise done;
  private final AtomicBoolean isScheduled = new AtomicBoolean();
  private final Runnable wake = this::wake;
  private long sent;
  private boolean isWriting;

  /**
   * @param end where it ends, exclusive; -1 for the end of the blob
   * @param threads for what has to wait
   * @param done is fulfilled when all is sent; fails, elsewhere, when the client leaves
   */
  Tail(
      ChannelHandlerContext context,
      Fill fill,
      long from,
      long end,
      Executor threads,
      ChannelPromise done) {
    this.context = context;
    this.threads = threads;
    this.fill = fill;
    this.sent = from;
    this.end = end;
    this.done = done;
  }

  void begin() {
    done.addListener(ended -> {
      fill.unfollow(wake);
      fill.release();
    });
    fill.follow(wake);
    send();
  }

  private void wake() {
    if (isScheduled.compareAndSet(false, true)) {
      context.executor().execute(this::awake);
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
      context.close();
    }
  }

  /** There was no room for the rest: it comes straight from the upstream. */
  private void goOn() {
    isWriting = true;
    threads.execute(() -> {
      try {
        Relay.of(context, fill.rest(sent), done).begin(threads);
      } catch (IOException e) {
        LOG.atWarn()
            .addKeyValue("digest", fill.digest())
            .addKeyValue("reason", e.getMessage())
            .log("reply cut");
        context.close();
      }
    });
  }

  private void write(long count) {
    isWriting = true;
    context
        .writeAndFlush(new FileSection(fill.channel(), sent, count))
        .addListener(written -> {
          isWriting = false;
          if (written.isSuccess()) {
            sent += count;
            send();
          } else {
            context.close();
          }
        });
  }

  /** A part of a file that others read too: sending it does not close it. */
  static final class FileSection extends DefaultFileRegion {
    private final FileChannel file;

    FileSection(FileChannel file, long position, long count) {
      super(file, position, count);
      this.file = file;
    }

    /** Returns the open file; read it at positions only. */
    FileChannel file() {
      return file;
    }

    @Override
    protected void deallocate() {
      // The file belongs to the blob or the fill.
    }
  }
}
