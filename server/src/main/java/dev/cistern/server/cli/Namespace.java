package dev.cistern.server.cli;

import java.util.Optional;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Option;
import org.apache.commons.cli.ParseException;

/** The option {@code -n}, which selects a namespace. */
final class Namespace {
  private static final String DEFAULT = "default";
  static final String KEY = "namespace";

  private Namespace() {}

  static Option option() {
    return named("which: the first path component of its repositories");
  }

  /** Returns the option for commands that have a default namespace. */
  static Option ofObjects() {
    return named("of the objects (default " + DEFAULT + ")");
  }

  static Option named(String description) {
    return Option.builder("n").longOpt(KEY).hasArg().argName("NAMESPACE").desc(description).get();
  }

  static Optional<String> of(CommandLine line) {
    return Optional.ofNullable(line.getOptionValue("n"));
  }

  /** Returns the namespace of the option, or the default namespace. */
  static String orDefault(CommandLine line) {
    return of(line).orElse(DEFAULT);
  }

  static String required(CommandLine line) throws ParseException {
    return of(line).orElseThrow(() -> new ParseException("-n NAMESPACE is needed"));
  }
}
