package dev.cistern.server.cli;

import dev.cistern.server.Cistern;
import dev.cistern.server.Logs;
import dev.cistern.server.config.Config;
import dev.cistern.server.config.DrainSettings;
import java.io.IOException;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Options;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The {@code serve} command, which runs the server. */
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
    Signals signals = Signals.install();
    Cistern cistern = Cistern.start(config, System.getenv());
    signals.serving(longestEnd(config.drain()), cistern::drainStep);
    CompletableFuture<String> unrecoverable = cistern.unrecoverable();
    var _ = unrecoverable.thenRun(signals::end);
    cistern.tell(config);
    signals.await();
    try {
      if (unrecoverable.isDone()) {
        LOG.atError().addKeyValue("reason", unrecoverable.join()).log("ending to be started anew");
        err.println("error: " + unrecoverable.join());
        cistern.close();
        return 1;
      }
      cistern.drain();
      return 0;
    } finally {
      Logs.stop();
    }
  }

  /**
   * Returns the maximum time between the signal and the end of the process, even if a part hangs.
   */
  private static Duration longestEnd(DrainSettings drain) {
    return drain.delay().plus(drain.timeout()).plus(Cistern.HANG);
  }
}
