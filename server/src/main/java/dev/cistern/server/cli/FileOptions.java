package dev.cistern.server.cli;

import dev.cistern.server.cli.objects.ApiKinds;
import dev.cistern.server.cli.objects.ObjectFiles;
import dev.cistern.server.cli.objects.Placed;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Option;

/** The option {@code -f}, which names the files with the objects for a command. */
final class FileOptions {
  static final String FILENAME = "filename";

  private FileOptions() {}

  static Option option() {
    return Option.builder("f")
        .longOpt(FILENAME)
        .hasArg()
        .argName("FILE|-|DIR")
        .desc("objects in YAML or JSON; may be repeated")
        .get();
  }

  /** An operation on an object. */
  interface Doing {
    /** Runs the operation, and returns the message for the user. */
    String run(Placed object) throws IOException;
  }

  /**
   * Runs an operation on all objects of the files in order, and continues if it fails for one of
   * them.
   *
   * @param word the operation in error messages, such as {@code creating}
   * @return the exit status
   */
  static int forEach(
      CommandLine line,
      ApiClient server,
      String word,
      Doing doing,
      PrintWriter out,
      PrintWriter err)
      throws IOException {
    var items = new ArrayList<ObjectFiles.Item>();
    for (String name : line.getOptionValues(FILENAME)) {
      items.addAll(ObjectFiles.read(name, System.in));
    }
    ApiKinds kinds = server.kinds();
    List<Placed> objects =
        items.stream().map(item -> Placed.of(item, kinds, Namespace.of(line))).toList();
    boolean isComplete = true;
    for (Placed object : objects) {
      try {
        String told = doing.run(object);
        out.print(told.isEmpty() ? "" : told + "\n");
      } catch (StatusException e) {
        isComplete = false;
        out.flush();
        err.println(e.about(word, object.file()).line());
      }
    }
    out.flush();
    return isComplete ? 0 : 1;
  }
}
