package dev.cistern.server.cli;

import java.util.Optional;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Option;
import org.apache.commons.cli.ParseException;

/** The option {@code -n}: the namespace that is meant. */
final class Namespace {
  static final String KEY = "namespace";

  private Namespace() {}

  static Option option() {
    return Option.builder("n")
        .longOpt(KEY)
        .hasArg()
        .argName("NAMESPACE")
        .desc("which: the first path component of its repositories")
        .get();
  }

  static Optional<String> of(CommandLine line) {
    return Optional.ofNullable(line.getOptionValue("n"));
  }

  static String required(CommandLine line) throws ParseException {
    return of(line).orElseThrow(() -> new ParseException("-n NAMESPACE is needed"));
  }
}
