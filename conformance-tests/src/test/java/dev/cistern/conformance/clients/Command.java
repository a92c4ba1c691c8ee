package dev.cistern.conformance.clients;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cistern.conformance.CisternServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A program of this machine with its arguments and with what differs from our environment. It is
 * run once or more, never longer than {@code patience}.
 */
record Command(List<String> words, Map<String, String> environment, Duration patience) {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /** What a user's environment may have that would lead a client to the user's own things. */
  private static final List<String> OF_THE_USER =
      List.of(
          "BUILDAH_ISOLATION",
          "CISTERN_TOKEN",
          "CONTAINERD_ADDRESS",
          "CONTAINERD_NAMESPACE",
          "CONTAINERS_CONF",
          "CONTAINERS_REGISTRIES_CONF",
          "CONTAINERS_STORAGE_CONF",
          "CONTAINER_HOST",
          "DOCKER_BUILDKIT",
          "DOCKER_CONFIG",
          "DOCKER_CONTEXT",
          "DOCKER_HOST",
          "DOCKER_TLS_VERIFY",
          "JAVA_TOOL_OPTIONS",
          "JDK_JAVA_OPTIONS",
          "REGISTRY_AUTH_FILE",
          "XDG_RUNTIME_DIR");

  /** How a run ended and what it said. */
  record Ended(int status, byte[] bytes, String errors) {
    String text() {
      return new String(bytes, UTF_8).strip();
    }
  }

  Command {
    words = List.copyOf(words);
    environment = Map.copyOf(environment);
  }

  static Command of(String program, String... arguments) {
    String found = Clients.find(program).map(Path::toString).orElse(program);
    return new Command(
        Stream.concat(Stream.of(found), Stream.of(arguments)).toList(), Map.of(), PATIENCE);
  }

  /** Returns {@code cistern} of the distribution with these arguments. */
  static Command cistern(String... arguments) {
    return new Command(CisternServer.command(List.of(arguments)), Map.of(), PATIENCE);
  }

  /** Returns this with more arguments at its end. */
  Command and(String... arguments) {
    return new Command(
        Stream.concat(words.stream(), Stream.of(arguments)).toList(), environment, patience);
  }

  /** Returns this with a variable in its environment. */
  Command with(String variable, String value) {
    return with(Map.of(variable, value));
  }

  /** Returns this with variables in its environment. */
  Command with(Map<String, String> variables) {
    var more = new LinkedHashMap<>(environment);
    more.putAll(variables);
    return new Command(words, more, patience);
  }

  /** Returns this with more time. */
  Command within(Duration time) {
    return new Command(words, environment, time);
  }

  /** Runs it; it must end with 0. Returns what it wrote to its standard output. */
  String run() {
    return succeed().text();
  }

  /** Runs it; it must end with 0. */
  Ended succeed() {
    Ended ended = end();
    if (ended.status != 0) {
      throw new AssertionError(shown() + " ended with " + shown(ended));
    }
    return ended;
  }

  /** Runs it; it must not end with 0. Returns what it wrote to its error output. */
  String fail() {
    Ended ended = end();
    if (ended.status == 0) {
      throw new AssertionError(shown() + " was expected to fail, but ended with " + shown(ended));
    }
    return ended.errors;
  }

  /** Runs it, however it ends. */
  Ended end() {
    try {
      Path out = Files.createTempFile("cistern-out", null);
      Path errors = Files.createTempFile("cistern-err", null);
      try {
        Process process =
            start(
                ProcessBuilder.Redirect.to(out.toFile()),
                ProcessBuilder.Redirect.to(errors.toFile()));
        if (!process.waitFor(patience.toMillis(), TimeUnit.MILLISECONDS)) {
          process.descendants().forEach(ProcessHandle::destroyForcibly);
          process.destroyForcibly().waitFor();
          throw new AssertionError(
              shown()
                  + " did not end within "
                  + patience
                  + ":\n"
                  + Files.readString(out)
                  + Files.readString(errors));
        }
        return new Ended(
            process.exitValue(), Files.readAllBytes(out), Files.readString(errors).strip());
      } finally {
        Files.delete(out);
        Files.delete(errors);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(shown() + " was interrupted", e);
    }
  }

  /** Starts it and does not wait. */
  Process start(ProcessBuilder.Redirect out, ProcessBuilder.Redirect errors) throws IOException {
    var builder =
        new ProcessBuilder(words)
            .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
            .redirectOutput(out)
            .redirectError(errors);
    OF_THE_USER.forEach(builder.environment()::remove);
    builder.environment().putAll(environment);
    return builder.start();
  }

  private String shown() {
    return String.join(" ", words);
  }

  private static String shown(Ended ended) {
    return ended.status + ":\n" + ended.text() + "\n" + ended.errors;
  }
}
