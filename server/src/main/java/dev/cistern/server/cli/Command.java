package dev.cistern.server.cli;

import java.io.IOException;
import java.io.PrintWriter;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Options;
import org.apache.commons.cli.ParseException;

/** A subcommand of {@code cistern}. */
interface Command {
  String name();

  /** Returns the summary for the help, in one line. */
  String summary();

  /**
   * Returns the operands for the help: none, one, or one or more ({@code ...}). Optional operands
   * are in brackets.
   */
  default String operands() {
    return "";
  }

  Options options();

  /**
   * Runs the command.
   *
   * @param err the writer for everything that is not a result
   * @return the exit status
   */
  int run(CommandLine line, PrintWriter out, PrintWriter err)
      throws IOException, InterruptedException, ParseException;
}
