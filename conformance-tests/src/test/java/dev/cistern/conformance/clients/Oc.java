package dev.cistern.conformance.clients;

import dev.cistern.conformance.CisternServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * OpenShift's client, as administrators have it. Where this machine has none ({@code oc} on the
 * PATH, or the program that {@code CISTERN_OC} names), the requests are sent that it sent when it
 * ran: then each answer's status must be what it was, and what the client itself says is not known.
 *
 * <p>{@code -Dcistern.record=true} writes down anew what the client asks.
 */
interface Oc extends AutoCloseable {
  /** Runs one command. */
  Said run(String... words);

  @Override
  void close();

  /**
   * What came of a command.
   *
   * @param isReal whether the client ran; without it nobody knows what it says
   */
  record Said(boolean isReal, int status, String out, String errors) {}

  /**
   * Returns the client for a server, over plain HTTP.
   *
   * @param scenario names what is recorded
   * @param names what differs from run to run, by a name for it
   */
  static Oc of(CisternServer server, Path directory, String scenario, Map<String, String> names) {
    Optional<Path> program = program();
    var known = new Placeholders(names);
    Path file = Path.of("src/test/resources/oc", scenario + ".json");
    if (program.isEmpty()) {
      return new ReplayedOc(server, file, known);
    }
    try {
      Files.createDirectories(directory);
      return Boolean.getBoolean("cistern.record")
          ? new RecordedOc(program.get(), server, directory, file, known)
          : new RealOc(program.get(), "http://" + server.host(), directory);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the client of this machine. */
  static Optional<Path> program() {
    return Optional.ofNullable(System.getenv("CISTERN_OC"))
        .map(Path::of)
        .or(() -> Clients.find("oc"));
  }
}
