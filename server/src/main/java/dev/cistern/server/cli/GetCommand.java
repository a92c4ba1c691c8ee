package dev.cistern.server.cli;

import dev.cistern.server.cli.objects.Named;
import dev.cistern.server.cli.objects.ObjectException;
import dev.cistern.server.cli.objects.ObjectText;
import dev.cistern.server.cli.objects.TablePrinter;
import dev.cistern.server.cli.objects.YamlText;
import dev.cistern.server.objects.ResourceType;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Option;
import org.apache.commons.cli.Options;
import org.apache.commons.cli.ParseException;
import tools.jackson.databind.JsonNode;

/** The {@code get} command, which shows objects like {@code oc get}. */
final class GetCommand implements Command {
  private static final String ALL_NAMESPACES = "all-namespaces";
  private static final String SELECTOR = "selector";
  private static final String WATCH = "watch";
  private static final String IGNORE = "ignore-not-found";
  private static final String LABELS = "show-labels";
  private static final Set<String> FORMATS = Set.of("", "wide", "json", "yaml", "name");

  @Override
  public String name() {
    return "get";
  }

  @Override
  public String summary() {
    return "shows image streams, their tags, images and other objects";
  }

  @Override
  public String operands() {
    return "KIND[/NAME]...";
  }

  @Override
  public Options options() {
    return AdminClient.connectionOptions()
        .addOption(Namespace.ofObjects())
        .addOption(Flags.flag("A", ALL_NAMESPACES, "objects of all namespaces"))
        .addOption(
            Option.builder("o")
                .longOpt("output")
                .hasArg()
                .argName("FORMAT")
                .desc("wide, json, yaml or name (default a table)")
                .get())
        .addOption(
            Option.builder("l")
                .longOpt(SELECTOR)
                .hasArg()
                .argName("SELECTOR")
                .desc("only what has these labels, such as a=b,c!=d")
                .get())
        .addOption(Flags.flag("w", WATCH, "go on, and show what changes"))
        .addOption(Flags.flag(LABELS, "a column with the labels"))
        .addOption(Flags.flag(IGNORE, "it is no error if an object is not there"));
  }

  @Override
  public int run(CommandLine line, PrintWriter out, PrintWriter err)
      throws IOException, ParseException {
    String format = line.getOptionValue("o", "");
    if (!FORMATS.contains(format)) {
      throw new ParseException("-o: wide, json, yaml or name is expected, not " + format);
    }
    boolean isEverywhere = Flags.isOn(line, ALL_NAMESPACES);
    var shown =
        new Shown(
            isEverywhere ? "" : Namespace.orDefault(line),
            line.getOptionValue(SELECTOR, ""),
            format,
            Flags.isOn(line, LABELS),
            Flags.isOn(line, IGNORE));
    ApiClient server = ApiClient.of(line);
    List<Named> wanted = Named.parse(line.getArgList(), server.kinds());
    check(wanted, shown);
    if (Flags.isOn(line, WATCH)) {
      new ObjectWatch(server, shown, out).run(wanted);
      return 0;
    }
    var found = new ArrayList<Found>();
    boolean isComplete = true;
    for (Named one : wanted) {
      try {
        found.add(new Found(one, shown.read(server, one)));
      } catch (StatusException e) {
        if (!e.is("NotFound") || !shown.ignoresMissing()) {
          isComplete = false;
          err.println(e.line());
        }
      }
    }
    print(found, shown, wanted, isComplete, out, err);
    return isComplete ? 0 : 1;
  }

  private static void check(List<Named> wanted, Shown shown) {
    boolean isNamed = wanted.stream().anyMatch(Named::isOne);
    if (isNamed && !shown.selector().isEmpty()) {
      throw new ObjectException("name cannot be provided when a selector is specified");
    }
    if (wanted.stream().anyMatch(one -> one.isOne() && one.type().isNamespaced())
        && shown.namespace().isEmpty()) {
      throw new ObjectException("a resource cannot be retrieved by name across all namespaces");
    }
  }

  /** The server's answer for an argument. */
  private record Found(Named what, JsonNode answer) {}

  private static void print(
      List<Found> found,
      Shown shown,
      List<Named> wanted,
      boolean isComplete,
      PrintWriter out,
      PrintWriter err) {
    if (shown.isTable()) {
      boolean isAnything = tables(found, shown, out);
      if (!isAnything && isComplete && !shown.ignoresMissing()) {
        boolean isOfNamespace =
            !shown.namespace().isEmpty()
                && wanted.stream().allMatch(one -> one.type().isNamespaced());
        err.println(
            "No resources found"
                + (isOfNamespace ? " in " + shown.namespace() + " namespace." : ""));
      }
    } else if (!found.isEmpty() || !shown.ignoresMissing()) {
      objects(found, shown, wanted, out);
    }
    out.flush();
  }

  /** Prints one table for each kind, and returns whether there was anything to print. */
  private static boolean tables(List<Found> found, Shown shown, PrintWriter out) {
    boolean hasKind = found.stream().map(one -> one.what.type()).distinct().count() > 1;
    boolean isAnything = false;
    int from = 0;
    while (from < found.size()) {
      ResourceType type = found.get(from).what.type();
      int to = from;
      var tables = new ArrayList<JsonNode>();
      while (to < found.size() && found.get(to).what.type().equals(type)) {
        tables.add(found.get(to).answer);
        to++;
      }
      String text = new TablePrinter(shown.style(type, hasKind)).print(tables);
      if (!text.isEmpty()) {
        out.print((isAnything ? "\n" : "") + text);
        isAnything = true;
      }
      from = to;
    }
    return isAnything;
  }

  private static void objects(List<Found> found, Shown shown, List<Named> wanted, PrintWriter out) {
    if (wanted.size() == 1 && wanted.getFirst().isOne()) {
      found.forEach(one -> out.print(shown.text(one.what.type(), one.answer)));
      return;
    }
    var all = new ArrayList<JsonNode>();
    for (Found one : found) {
      List<JsonNode> objects = new ArrayList<>();
      if (one.what.isOne()) {
        objects.add(one.answer);
      } else {
        one.answer.path("items").forEach(objects::add);
      }
      if (shown.format().equals("name")) {
        objects.forEach(object -> out.print(shown.text(one.what.type(), object)));
      }
      all.addAll(objects);
    }
    if (!shown.format().equals("name")) {
      out.print(
          shown.format().equals("json")
              ? ObjectText.json(ObjectText.list(all))
              : YamlText.of(ObjectText.list(all)));
    }
  }
}
