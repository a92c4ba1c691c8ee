package dev.cistern.server.cli;

import dev.cistern.server.Cistern;
import dev.cistern.server.Logs;
import dev.cistern.server.config.Config;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(
    name = "serve",
    mixinStandardHelpOptions = true,
    description = "Runs the server until it is told to stop (SIGTERM, Ctrl-C).")
final class ServeCommand implements Callable<Integer> {
  @Mixin private ConfigOptions options = new ConfigOptions();

  @Override
  public Integer call() throws IOException, InterruptedException {
    Config config = options.read(System.getenv());
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
