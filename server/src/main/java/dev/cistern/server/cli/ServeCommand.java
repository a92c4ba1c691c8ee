package dev.cistern.server.cli;

import dev.cistern.server.Cistern;
import dev.cistern.server.Logs;
import dev.cistern.server.config.Config;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.util.concurrent.CountDownLatch;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Options;

/** Runs the server. */
final class ServeCommand implements Command {
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
    Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(cistern, stopped), "stop"));
    stopped.await();
    return 0;
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
