package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A server in a process of its own, started from the distribution that the build made ({@code
 * cistern.dist}, default {@code ../server/target/dist}), on a port of its own on loopback.
 */
public final class CisternServer implements AutoCloseable {
  private static final Pattern SERVING = Pattern.compile("serving address=\"[^\"]*:(\\d+)\"");
  private static final Pattern COMPLAINT =
      Pattern.compile("^\\S+ (WARN|ERROR) |^(WARNING|\\tat |\\[)");
  private static final Pattern UNCAUGHT =
      Pattern.compile(
          "uncaught exception|An exception was thrown by|A task raised an exception"
              + "|Exception in thread");
  private static final long START_SECONDS = 30;
  private static final long DRAIN_SECONDS = 3;
  private static final int LAST_LINES = 30;

  private final Process process;
  private final int port;
  private final Queue<String> log;

  private CisternServer(Process process, int port, Queue<String> log) {
    this.process = process;
    this.port = port;
    this.log = log;
  }

  /** Starts a server with its store in {@code data} and waits until it serves. */
  public static CisternServer start(Path data, String... options) {
    return start(Map.of(), data, options);
  }

  /** Starts a server with these variables in its environment. */
  public static CisternServer start(Map<String, String> environment, Path data, String... options) {
    return start(List.of(), environment, data, options);
  }

  /** Starts a server by a program that runs what follows these words. */
  public static CisternServer startBy(List<String> words, Path data, String... options) {
    return start(words, Map.of(), data, options);
  }

  private static CisternServer start(
      List<String> words, Map<String, String> environment, Path data, String... options) {
    var arguments = new ArrayList<>(List.of("serve", "--data", data.toString()));
    arguments.addAll(List.of(options));
    if (!arguments.contains("--listen")) {
      arguments.addAll(List.of("--listen", "127.0.0.1:0"));
    }
    var log = new ConcurrentLinkedQueue<String>();
    var port = new CompletableFuture<Integer>();
    try {
      var command = new ArrayList<>(words);
      command.addAll(command(arguments));
      ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
      builder.environment().putAll(environment);
      Process process = builder.start();
      Thread.ofVirtual().start(() -> read(process, log, port));
      return new CisternServer(process, port.get(START_SECONDS, TimeUnit.SECONDS), log);
    } catch (IOException | InterruptedException | ExecutionException | TimeoutException e) {
      throw new AssertionError("the server did not start:\n" + String.join("\n", log), e);
    }
  }

  /** Returns the command line that runs {@code cistern} with these arguments. */
  public static List<String> command(List<String> arguments) {
    Path dist = dist();
    var command = new ArrayList<String>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("@" + dist.resolve("java.options"));
    command.add("-Djava.library.path=" + dist.resolve("native").resolve(platform()));
    if (Files.exists(dist.resolve("cistern.aot"))) {
      command.add("-XX:AOTCache=" + dist.resolve("cistern.aot"));
    }
    command.addAll(List.of("-jar", dist.resolve("cistern.jar").toString()));
    command.addAll(arguments);
    return command;
  }

  /** Returns the directory with the distribution. */
  public static Path dist() {
    return Path.of(System.getProperty("cistern.dist", "../server/target/dist"));
  }

  private static String platform() {
    boolean isMac = System.getProperty("os.name").toLowerCase(Locale.ROOT).contains("mac");
    boolean isArm = System.getProperty("os.arch").equals("aarch64");
    return (isMac ? "macos" : "linux") + "-" + (isArm ? "aarch64" : "x86_64");
  }

  private static void read(Process process, Queue<String> log, CompletableFuture<Integer> port) {
    try (BufferedReader lines = process.inputReader(UTF_8)) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        log.add(line);
        Matcher serving = SERVING.matcher(line);
        if (serving.find()) {
          port.complete(Integer.parseInt(serving.group(1)));
        }
      }
      port.completeExceptionally(new IOException("it ended with " + process.waitFor()));
    } catch (IOException | InterruptedException e) {
      port.completeExceptionally(e);
    }
  }

  /** Returns the port it listens on. */
  public int port() {
    return port;
  }

  /** Returns {@code 127.0.0.1:PORT}. */
  public String host() {
    return "127.0.0.1:" + port;
  }

  /** Returns the address of {@code path}, which begins with a slash. */
  public URI uri(String path) {
    return URI.create("http://" + host() + path);
  }

  /** Returns what it has logged so far. */
  public List<String> log() {
    return List.copyOf(log);
  }

  /** Returns the lines that say something went wrong, on our side or on an upstream's. */
  public List<String> complaints() {
    return log.stream().filter(line -> COMPLAINT.matcher(line).find()).toList();
  }

  /** Says whether it runs or how it ended, and the last lines that it logged. */
  public String state() {
    String state = process.isAlive() ? "runs" : "ended with " + process.exitValue();
    List<String> lines = log();
    List<String> last = lines.subList(Math.max(0, lines.size() - LAST_LINES), lines.size());
    return "the server " + state + ", its last lines:\n" + String.join("\n", last);
  }

  /** Returns the id of the process. */
  public long pid() {
    return process.pid();
  }

  /** Ends it as a power cut would, without a word ({@code kill -9}), and waits until it is gone. */
  public void kill() {
    process.destroyForcibly();
    await();
  }

  /** Asks it to end, as an operator would (SIGTERM). */
  public void terminate() {
    process.toHandle().destroy();
  }

  /** Sends a signal by its name without SIG. */
  void signal(String name) {
    try {
      new ProcessBuilder("kill", "-" + name, Long.toString(pid())).start().waitFor();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Waits until it has ended; returns its exit status. */
  int exitStatus() {
    await();
    return process.exitValue();
  }

  boolean isAlive() {
    return process.isAlive();
  }

  /**
   * Ends it as an operator would (SIGTERM) and waits until it is gone; what a test has left open is
   * cut after a while by a second signal. Nothing may have ended its work that nothing caught
   * ({@code cistern_uncaught_total}), on a thread of ours or Netty's.
   */
  @Override
  public void close() {
    try {
      process.toHandle().destroy();
      if (!process.waitFor(DRAIN_SECONDS, TimeUnit.SECONDS)) {
        process.toHandle().destroy();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    await();
    List<String> uncaught = log.stream().filter(line -> UNCAUGHT.matcher(line).find()).toList();
    if (!uncaught.isEmpty()) {
      throw new AssertionError(
          "the server had uncaught exceptions: " + uncaught + "\n" + String.join("\n", log));
    }
  }

  private void await() {
    try {
      if (!process.waitFor(START_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        throw new AssertionError("the server did not end:\n" + String.join("\n", log));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
