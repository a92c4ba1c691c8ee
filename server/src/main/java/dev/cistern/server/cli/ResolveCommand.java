package dev.cistern.server.cli;

import dev.cistern.mirror.rules.RegistriesConf;
import dev.cistern.mirror.rules.Resolution;
import dev.cistern.server.config.ResourceSettings;
import dev.cistern.server.config.RuleFiles;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Options;
import org.apache.commons.cli.ParseException;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The {@code resolve} command, which shows the pull sources of a reference as containers/image
 * selects them. It contacts no registry.
 */
final class ResolveCommand implements Command {
  private static final String REGISTRIES_CONF = "registries-conf";
  private static final String RESOURCES = "resources";

  @Override
  public String name() {
    return "resolve";
  }

  @Override
  public String summary() {
    return "says from where a reference would be pulled, in order, by registries.conf or mirror sets";
  }

  @Override
  public String operands() {
    return "REF";
  }

  @Override
  public Options options() {
    return new Options()
        .addOption(
            ConfigOptions.option(
                REGISTRIES_CONF,
                "FILE",
                "a registries.conf, or a directory of drop-ins; repeatable"))
        .addOption(
            ConfigOptions.option(
                RESOURCES, "DIR", "a directory or file of mirror sets; may be repeated"))
        .addOption(Output.option());
  }

  @Override
  public int run(CommandLine line, PrintWriter out, PrintWriter err) throws ParseException {
    boolean isJson = Output.isJson(line);
    List<Path> confs = ConfigOptions.paths(line, REGISTRIES_CONF);
    List<Path> directories = ConfigOptions.paths(line, RESOURCES);
    if (confs.isEmpty() && directories.isEmpty()) {
      throw new ParseException("--registries-conf FILE or --resources DIR is needed");
    }
    RegistriesConf rules = RuleFiles.readOnce(ResourceSettings.of(directories, confs)).outbound();
    Resolution resolution = rules.resolve(line.getArgList().getFirst());
    if (isJson) {
      out.println(json(resolution));
      return 0;
    }
    out.println("rule: " + (resolution.prefix().isEmpty() ? "none" : resolution.prefix()));
    for (Resolution.Source source : resolution.sources()) {
      out.println(
          source.reference()
              + source.pullFrom().map(text -> " (" + text + ")").orElse("")
              + (source.isInsecure() ? " (insecure)" : "")
              + (source.isBlocked() ? " (blocked)" : ""));
    }
    return 0;
  }

  private static ObjectNode json(Resolution resolution) {
    ObjectNode json = JsonMapper.shared().createObjectNode();
    if (!resolution.prefix().isEmpty()) {
      json.put("prefix", resolution.prefix());
    }
    ArrayNode sources = json.putArray("sources");
    for (Resolution.Source source : resolution.sources()) {
      ObjectNode node = sources.addObject();
      node.put("reference", source.reference());
      source.pullFrom().ifPresent(text -> node.put("pullFromMirror", text.toString()));
      if (source.isInsecure()) {
        node.put("insecure", true);
      }
      if (source.isBlocked()) {
        node.put("blocked", true);
      }
    }
    return json;
  }
}
