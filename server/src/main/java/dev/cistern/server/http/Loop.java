package dev.cistern.server.http;

import dev.cistern.base.Guarded;
import io.netty.channel.ChannelHandlerContext;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.GenericFutureListener;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Consumer;

/**
 * The entry points of work on the event loop of a connection. Whatever the work throws is reported
 * and closes the connection, whose end gives back all that it holds; the loop's other connections
 * do not notice.
 */
@SuppressWarnings("FutureReturnValueIgnored") // a closed channel needs nothing else
final class Loop {
  private Loop() {}

  /**
   * Runs work on the connection's loop. When the server stops, the loop may have ended, and the
   * connection with it: then nothing is done.
   */
  static void execute(ChannelHandlerContext context, String name, Runnable work) {
    try {
      context.executor().execute(() -> run(context, name, work));
    } catch (RejectedExecutionException e) {
      context.close();
    }
  }

  /** Does work on the connection's loop, where the caller is. */
  static void run(ChannelHandlerContext context, String name, Runnable work) {
    try {
      work.run();
    } catch (RuntimeException | Error e) {
      Guarded.report(name, e);
      context.close();
    }
  }

  /** Returns a listener that does work when a write of the connection has ended. */
  static GenericFutureListener<Future<? super Void>> after(
      ChannelHandlerContext context, String name, Consumer<Future<? super Void>> work) {
    return ended -> run(context, name, () -> work.accept(ended));
  }
}
