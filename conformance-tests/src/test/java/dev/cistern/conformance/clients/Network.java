package dev.cistern.conformance.clients;

import java.util.ArrayList;
import java.util.List;

/**
 * A network namespace of a test's own, that reaches nothing: it has loopback and {@link #ADDRESS},
 * which clients do not take for loopback, as docker does with 127.0.0.0/8 and trusts it blindly.
 */
final class Network implements AutoCloseable {
  /** An address for documentation (RFC 5737), on the namespace's loopback. */
  static final String ADDRESS = "192.0.2.1";

  private static final String NAME = "cistern-test-" + ProcessHandle.current().pid();

  private Network() {}

  /** Makes it; there is one at a time. */
  static Network make() {
    Command.of("ip", "netns", "add", NAME).run();
    var network = new Network();
    network.in(Command.of("ip", "link", "set", "lo", "up")).run();
    network.in(Command.of("ip", "address", "add", ADDRESS + "/32", "dev", "lo")).run();
    return network;
  }

  /** Returns the words that run what follows them in it. */
  List<String> prefix() {
    // "ip netns exec" would mount another /sys too, without the cgroups that dockerd wants.
    return Command.of("nsenter", "--net=/run/netns/" + NAME).words();
  }

  /** Returns the command, run in it. */
  Command in(Command command) {
    var words = new ArrayList<>(prefix());
    words.addAll(command.words());
    return new Command(words, command.environment(), command.patience());
  }

  @Override
  public void close() {
    Command.of("ip", "netns", "delete", NAME).run();
  }
}
