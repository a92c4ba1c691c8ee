package dev.cistern.auth.credentials;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A program {@code docker-credential-NAME} that provides credentials. For the command {@code get},
 * it reads the server from its standard input and writes JSON with {@code Username} and {@code
 * Secret} (the protocol of docker-credential-helpers).
 *
 * <p>An answer is remembered for 30 s and a failure for 5 s, both counted from the start of the
 * request. Concurrent requests for the same server wait for the same answer. It is called from
 * virtual threads that may block. Messages contain neither the program's output nor its error
 * output, because both may contain secrets.
 */
final class CredentialHelper {
  private static final Pattern NAME = Pattern.compile("[a-zA-Z0-9._-]+");
  private static final Duration KEPT = Duration.ofSeconds(30);
  private static final Duration FAILURE_KEPT = Duration.ofSeconds(5);
  private static final int MOST_BYTES = 64 << 10;
  private static final int MOST_KEPT = 1000;
  private static final String NOT_FOUND = "credentials not found";
  private static final String IDENTITY_TOKEN = "<token>";
  private static final JsonMapper JSON = new JsonMapper();

  private final String program;
  private final Programs programs;
  private final Map<String, Asked> answers = new ConcurrentHashMap<>();

  private CredentialHelper(String name, Programs programs) {
    this.program = "docker-credential-" + name;
    this.programs = programs;
  }

  /**
   * Returns the helper of a name. The program need not exist until it is asked.
   *
   * @throws CredentialsException if the name is invalid
   */
  static CredentialHelper named(String name, Programs programs) {
    if (!NAME.matcher(name).matches()) {
      throw new CredentialsException(
          "no name of a credential helper; NAME of a program docker-credential-NAME is expected,"
              + " of a-z A-Z 0-9 . _ -");
    }
    return new CredentialHelper(name, programs);
  }

  /** A request and, later, its answer. */
  private record Asked(FutureTask<Optional<Credentials>> answer, long nanos) {
    boolean isFresh(long now) {
      Duration kept = answer.state() == FutureTask.State.FAILED ? FAILURE_KEPT : KEPT;
      return !answer.isDone() || now - nanos < kept.toNanos();
    }
  }

  /**
   * Returns the helper's credentials for a server.
   *
   * @throws CredentialsException if the program cannot be run, takes too long, fails, or writes
   *     something else
   */
  Optional<Credentials> get(String server) {
    long now = programs.nanoTime().getAsLong();
    if (answers.size() >= MOST_KEPT) {
      answers.values().removeIf(asked -> asked.answer().isDone());
    }
    Asked asked =
        answers.compute(
            server,
            (key, before) ->
                before != null && before.isFresh(now)
                    ? before
                    : new Asked(new FutureTask<>(() -> ask(server)), now));
    asked.answer().run();
    try {
      return asked.answer().get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof CredentialsException failure) {
        throw new CredentialsException(failure.text());
      }
      throw new IllegalStateException(program + " was not asked", e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CredentialsException("interrupted while " + program + " was asked");
    }
  }

  private Optional<Credentials> ask(String server) {
    Path file =
        programs
            .find(program)
            .orElseThrow(() ->
                new CredentialsException(
                    program + " is not on the PATH; install it, or put the secret into auths"));
    Process process;
    try {
      process =
          new ProcessBuilder(file.toString(), "get")
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
    } catch (IOException e) {
      throw new CredentialsException(file + " cannot be run", e);
    }
    try {
      byte[] output = talk(process, server);
      return read(process.exitValue(), output);
    } catch (TimeoutException e) {
      throw new CredentialsException(
          program + " did not answer in " + programs.limit().toMillis() + " ms");
    } catch (IOException | ExecutionException e) {
      throw new CredentialsException(program + " could not be read", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CredentialsException("interrupted while " + program + " was asked");
    } finally {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
  }

  /** Sends the server name to the program, and returns its output once it has ended. */
  private byte[] talk(Process process, String server)
      throws IOException, InterruptedException, ExecutionException, TimeoutException {
    long deadline = System.nanoTime() + programs.limit().toNanos();
    var output = new FutureTask<>(() -> process.getInputStream().readNBytes(MOST_BYTES + 1));
    // A read of a pipe would block the carrier of a virtual thread.
    Thread.ofPlatform().daemon().name(program).start(output);
    try (OutputStream input = process.getOutputStream()) {
      input.write(server.getBytes(UTF_8));
    } catch (IOException unread) {
      // The program did not read its input; its output or exit status shows why.
    }
    byte[] bytes = output.get(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
    if (bytes.length > MOST_BYTES) {
      throw new CredentialsException(program + " wrote more than " + MOST_BYTES + " bytes");
    }
    if (!process.waitFor(deadline - System.nanoTime(), TimeUnit.NANOSECONDS)) {
      throw new TimeoutException();
    }
    return bytes;
  }

  private Optional<Credentials> read(int exit, byte[] output) {
    if (exit != 0) {
      if (new String(output, UTF_8).contains(NOT_FOUND)) {
        return Optional.empty();
      }
      throw new CredentialsException(
          program + " get failed with exit status " + exit + "; run it by hand to see why");
    }
    JsonNode answer;
    try {
      answer = JSON.readTree(output);
    } catch (JacksonException e) {
      throw unexpected();
    }
    JsonNode username = answer.path("Username");
    JsonNode secret = answer.path("Secret");
    if (!username.isString() || !secret.isString()) {
      throw unexpected();
    }
    String password = secret.stringValue();
    return password.isEmpty()
        ? Optional.empty()
        : Optional.of(
            username.stringValue().equals(IDENTITY_TOKEN)
                ? new Credentials("", "", password)
                : new Credentials(username.stringValue(), password, ""));
  }

  private CredentialsException unexpected() {
    return new CredentialsException(
        program + " get wrote no JSON with the texts Username and Secret");
  }
}
