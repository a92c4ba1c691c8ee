package dev.cistern.server.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cistern.auth.credentials.Credentials;
import dev.cistern.auth.credentials.Keyring;
import dev.cistern.mirror.rules.Drain;
import dev.cistern.mirror.rules.HostsTree;
import dev.cistern.mirror.rules.MirrorSet;
import dev.cistern.mirror.rules.RegistriesConf;
import dev.cistern.server.config.ConfigException;
import dev.cistern.server.config.ResourceSettings;
import dev.cistern.server.config.RuleFiles;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Option;
import org.apache.commons.cli.Options;
import org.apache.commons.cli.ParseException;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The {@code render} command, which converts mirror sets into files for nodes and tells whether a
 * change drains nodes.
 */
final class RenderCommand implements Command {
  private static final String INSECURE = "insecure";
  private static final String BLOCKED = "blocked";
  private static final String PULL_SECRET = "pull-secret";
  private static final String OUT = "out";
  private static final String NEVER = "never-contact-source";
  private static final String SERVER = "server";
  private static final String KINDS = "registries-conf, hosts-toml, drain or mirror-sets";

  @Override
  public String name() {
    return "render";
  }

  @Override
  public String summary() {
    return "makes registries.conf or containerd's hosts.toml of mirror sets, or mirror sets";
  }

  @Override
  public String operands() {
    return "registries-conf|hosts-toml|drain|mirror-sets FILE...";
  }

  @Override
  public Options options() {
    return new Options()
        .addOption(
            ConfigOptions.option(
                INSECURE, "SCOPE,...", "registries-conf: what is reached without verified TLS"))
        .addOption(
            ConfigOptions.option(BLOCKED, "SCOPE,...", "registries-conf: what is never contacted"))
        .addOption(
            Option.builder()
                .longOpt(NEVER)
                .desc("for sites without internet: no source is contacted")
                .get())
        .addOption(
            ConfigOptions.option(PULL_SECRET, "FILE", "hosts-toml: the credentials of the mirrors"))
        .addOption(ConfigOptions.option(OUT, "DIR", "hosts-toml: where the tree is written"))
        .addOption(
            ConfigOptions.option(
                SERVER,
                "HOST[:PORT]",
                "mirror-sets: the mirror of the sources; this server's name"))
        .addOption(Output.option());
  }

  @Override
  public int run(CommandLine line, PrintWriter out, PrintWriter err)
      throws IOException, ParseException {
    boolean isJson = Output.isJson(line);
    String kind = line.getArgList().getFirst();
    List<String> rest = line.getArgList().subList(1, line.getArgList().size());
    if (rest.isEmpty()) {
      throw new ParseException("Missing argument: FILE... after " + kind);
    }
    switch (kind) {
      case "registries-conf" -> out.print(conf(line, sets(line, rest)).toToml());
      case "hosts-toml" -> hosts(line, sets(line, rest), isJson, out);
      case "drain" -> drain(line, rest, isJson, out);
      case "mirror-sets" -> out.print(mirrorSets(line, rest));
      default -> throw new ParseException(KINDS + " is expected, not " + kind);
    }
    out.flush();
    return 0;
  }

  private static List<MirrorSet> sets(CommandLine line, List<String> files) {
    List<MirrorSet> sets =
        RuleFiles.readOnce(ResourceSettings.of(files.stream().map(Path::of).toList(), List.of()))
            .mirrorSets();
    return line.hasOption(NEVER)
        ? sets.stream().map(MirrorSet::neverContactingSources).toList()
        : sets;
  }

  private static RegistriesConf conf(CommandLine line, List<MirrorSet> sets) {
    return RegistriesConf.merge(sets, scopes(line, INSECURE), scopes(line, BLOCKED));
  }

  private static List<String> scopes(CommandLine line, String option) {
    String text = line.getOptionValue(option, "");
    return Stream.of(text.split(",")).map(String::strip).filter(one -> !one.isEmpty()).toList();
  }

  private static void hosts(CommandLine line, List<MirrorSet> sets, boolean isJson, PrintWriter out)
      throws IOException, ParseException {
    if (!line.hasOption(OUT)) {
      throw new ParseException("--out DIR is needed");
    }
    Keyring secret =
        line.hasOption(PULL_SECRET)
            ? RuleFiles.readSecret(Path.of(line.getOptionValue(PULL_SECRET)))
            : Keyring.EMPTY;
    HostsTree tree = HostsTree.of(sets, host -> secret.find(host, "").map(Credentials::basic));
    Path root = Path.of(line.getOptionValue(OUT));
    for (Map.Entry<String, String> file : tree.files().entrySet()) {
      Path path = root.resolve(file.getKey());
      Files.createDirectories(path.getParent());
      if (line.hasOption(PULL_SECRET)) {
        PrivateFile.replace(path, file.getValue().getBytes(UTF_8));
      } else {
        Files.writeString(path, file.getValue());
      }
    }
    if (isJson) {
      ObjectNode json = JsonMapper.shared().createObjectNode();
      tree.files().keySet().forEach(json.putArray("files")::add);
      tree.warnings().forEach(json.putArray("warnings")::add);
      out.println(json);
      return;
    }
    tree.files().keySet().forEach(file -> out.println(root.resolve(file)));
    tree.warnings().forEach(warning -> out.println("warning: " + warning));
  }

  private static void drain(CommandLine line, List<String> files, boolean isJson, PrintWriter out)
      throws ParseException {
    if (files.size() != 2) {
      throw new ParseException("two files or directories are expected after drain: BEFORE AFTER");
    }
    List<String> reasons =
        Drain.reasons(
            conf(line, sets(line, files.subList(0, 1))),
            conf(line, sets(line, files.subList(1, 2))));
    if (isJson) {
      ObjectNode json = JsonMapper.shared().createObjectNode();
      json.put("drains", !reasons.isEmpty());
      reasons.forEach(json.putArray("reasons")::add);
      out.println(json);
      return;
    }
    out.println(reasons.isEmpty() ? "no node drains" : "the nodes drain:");
    reasons.forEach(reason -> out.println("  " + reason));
  }

  /** Returns an IDMS and an ITMS that name the server as the mirror of the sources. */
  private static String mirrorSets(CommandLine line, List<String> sources) throws ParseException {
    String server = line.getOptionValue(SERVER, "");
    if (!MirrorSet.isMirror(server) || server.indexOf('/') >= 0) {
      throw new ParseException("--server HOST[:PORT] is needed");
    }
    for (String source : sources) {
      if (!MirrorSet.isSource(source) || source.startsWith("*") || source.indexOf(':') >= 0) {
        throw new ConfigException(
            source + ": a source without a port is expected: host, or host/path");
      }
    }
    boolean isNever = line.hasOption(NEVER);
    return object("ImageDigestMirrorSet", "imageDigestMirrors", server, sources, isNever)
        + "---\n"
        + object("ImageTagMirrorSet", "imageTagMirrors", server, sources, isNever);
  }

  private static String object(
      String kind, String list, String server, List<String> sources, boolean isNever) {
    var yaml = new StringBuilder("apiVersion: config.openshift.io/v1\nkind: " + kind + "\n");
    yaml.append("metadata:\n  name: cistern\nspec:\n  ").append(list).append(":\n");
    for (String source : sources) {
      yaml.append("  - source: ").append(source).append('\n');
      yaml.append("    mirrors:\n    - ").append(server).append('/').append(source).append('\n');
      if (isNever) {
        yaml.append("    mirrorSourcePolicy: NeverContactSource\n");
      }
    }
    return yaml.toString();
  }
}
