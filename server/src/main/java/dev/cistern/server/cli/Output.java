package dev.cistern.server.cli;

import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Option;
import org.apache.commons.cli.ParseException;

/** The option {@code -o}, which selects the output format. */
final class Output {
  private static final String NAME = "o";

  private Output() {}

  static Option option() {
    return Option.builder(NAME)
        .longOpt("output")
        .hasArg()
        .argName("FORMAT")
        .desc("text (default) or json")
        .get();
  }

  /** Returns whether the output format is JSON. */
  static boolean isJson(CommandLine line) throws ParseException {
    String format = line.getOptionValue(NAME, "text");
    return switch (format) {
      case "text" -> false;
      case "json" -> true;
      default -> throw new ParseException("-o: text or json is expected, not " + format);
    };
  }
}
