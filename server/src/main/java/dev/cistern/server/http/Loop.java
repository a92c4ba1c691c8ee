package dev.cistern.server.http;

import dev.cistern.base.Guarded;
import io.netty.channel.ChannelHandlerContext;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.GenericFutureListener;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Consumer;

/**
 * Entry points of work on the event loop of a connection. An exception is reported and closes the
 * connection, whose end releases all its resources. The loop's other connections are not affected.
 */
@SuppressWarnings("FutureReturnValueIgnored") // nothing depends on the result of a close
final class Loop {
  private Loop() {}

  /**
   * Runs work on the connection's loop. When the server stops, the loop and the connection may have
   * ended. The work is not run then.
   */
  static void execute(ChannelHandlerContext context, String name, Runnable work) {
    try {
      context.executor().execute(() -> run(context, name, work));
    } catch (RejectedExecutionException e) {
      context.close();
    }
  }

  /** Runs work on the current thread, which is the connection's loop. */
  static void run(ChannelHandlerContext context, String name, Runnable work) {
    try {
      work.run();
    } catch (RuntimeException | Error e) {
      Guarded.report(name, e);
      context.close();
    }
  }

  /** Returns a listener that runs work when a write of the connection has ended. */
  static GenericFutureListener<Future<? super Void>> after(
      ChannelHandlerContext context, String name, Consumer<Future<? super Void>> work) {
    return ended -> run(context, name, () -> work.accept(ended));
  }
}
