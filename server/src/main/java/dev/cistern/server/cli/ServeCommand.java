package dev.cistern.server.cli;

import dev.cistern.server.Cistern;
import dev.cistern.server.Logs;
import dev.cistern.server.config.Config;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Options;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Runs the server. */
final class ServeCommand implements Command {
  private static final Logger LOG = LoggerFactory.getLogger(ServeCommand.class);

  @Override
  public String name() {
    return "serve";
  }

  @Override
  public String summary() {
    return "runs the server until it is told to stop (SIGTERM, Ctrl-C)";
  }

  @Override
  public Options options() {
    return ConfigOptions.options();
  }

  @Override
  public int run(CommandLine line, PrintWriter out, PrintWriter err)
      throws IOException, InterruptedException {
    Config config = ConfigOptions.read(line, System.getenv());
    Logs.start(config.logFormat());
    Cistern cistern = Cistern.start(config);
    var stopped = new CountDownLatch(1);
    CompletableFuture<String> unrecoverable = cistern.unrecoverable();
    var _ = unrecoverable.thenAccept(_ -> stopped.countDown());
    Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(cistern, stopped), "stop"));
    stopped.await();
    if (!unrecoverable.isDone()) {
      return 0;
    }
    LOG.atError().addKeyValue("reason", unrecoverable.join()).log("ending to be started anew");
    err.println("error: " + unrecoverable.join());
    return 1;
  }

  private static void stop(Cistern cistern, CountDownLatch stopped) {
    try {
      cistern.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } finally {
      Logs.stop();
      stopped.countDown();
    }
  }
}
