package dev.cistern.server.cli;

import java.io.IOException;
import java.io.PrintWriter;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Options;
import org.apache.commons.cli.ParseException;

/** One of the words after {@code cistern}. */
interface Command {
  String name();

  /** Returns what it does, in a line. */
  String summary();

  /**
   * Returns what it wants besides options: nothing, one thing, or ({@code ...}) one or more; in
   * brackets if they may be missing.
   */
  default String operands() {
    return "";
  }

  Options options();

  /**
   * Does it.
   *
   * @param err for what is no result
   * @return the exit status
   */
  int run(CommandLine line, PrintWriter out, PrintWriter err)
      throws IOException, InterruptedException, ParseException;
}
