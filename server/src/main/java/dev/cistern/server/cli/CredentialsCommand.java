package dev.cistern.server.cli;

import dev.cistern.auth.credentials.Keyring;
import dev.cistern.mirror.rules.RegistriesConf;
import dev.cistern.server.config.RuleFiles;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Optional;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Options;
import org.apache.commons.cli.ParseException;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The {@code credentials} command, which shows the entry of a pull secret that applies to a
 * reference. It never prints the secret itself.
 */
final class CredentialsCommand implements Command {
  private static final String AUTHFILE = "authfile";

  @Override
  public String name() {
    return "credentials";
  }

  @Override
  public String summary() {
    return "says which entry of a pull secret serves a reference, never the secret";
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
                AUTHFILE, "FILE", "a pull secret; may be repeated, the first with a match serves"))
        .addOption(Output.option());
  }

  @Override
  public int run(CommandLine line, PrintWriter out, PrintWriter err)
      throws IOException, ParseException {
    boolean isJson = Output.isJson(line);
    var keyrings = new ArrayList<Keyring>();
    for (Path file : ConfigOptions.paths(line, AUTHFILE)) {
      keyrings.add(RuleFiles.readSecret(file));
    }
    if (keyrings.isEmpty()) {
      throw new ParseException("--authfile FILE is needed; of a server that runs, why REF says it");
    }
    String place = RegistriesConf.repository(line.getArgList().getFirst());
    int slash = place.indexOf('/');
    Optional<Keyring.Entry> entry =
        Keyring.first(keyrings)
            .entryFor(place.substring(0, slash), place.substring(slash + 1), false);
    if (isJson) {
      ObjectNode json = JsonMapper.shared().createObjectNode();
      entry.ifPresent(found ->
          json.put("file", found.file())
              .put("key", found.key())
              .put("username", found.credentials().username()));
      out.println(json);
      return 0;
    }
    out.println(
        entry
            .map(found ->
                found.key() + " in " + found.file() + ", user " + found.credentials().username())
            .orElse("none: anonymous"));
    return 0;
  }
}
