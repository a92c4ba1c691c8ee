package dev.cistern.server.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cistern.auth.credentials.DockerConfig;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Options;
import org.apache.commons.cli.ParseException;

/** The {@code registry login} command, which adds credentials to the file of a pull secret. */
final class LoginCommand implements Command {
  private static final String REGISTRY = "registry";
  private static final String AUTH = "auth-basic";
  private static final String TO = "to";

  @Override
  public String name() {
    return "registry";
  }

  @Override
  public String summary() {
    return "registry login: adds credentials to the file of a pull secret";
  }

  @Override
  public String operands() {
    return "login";
  }

  @Override
  public Options options() {
    return new Options()
        .addOption(ConfigOptions.option(REGISTRY, "HOST[/PATH]", "what the credentials are for"))
        .addOption(ConfigOptions.option(AUTH, "USER:PASSWORD", "the credentials"))
        .addOption(ConfigOptions.option(TO, "FILE", "the file; made if there is none"));
  }

  @Override
  public int run(CommandLine line, PrintWriter out, PrintWriter err)
      throws IOException, ParseException {
    if (!line.getArgList().getFirst().equals("login")) {
      throw new ParseException("login is expected, not " + line.getArgList().getFirst());
    }
    String auth = required(line, AUTH);
    int colon = auth.indexOf(':');
    if (colon < 1) {
      throw new ParseException("--auth-basic: USER:PASSWORD is expected");
    }
    Path file = Path.of(required(line, TO));
    byte[] after =
        DockerConfig.withLogin(
            before(file),
            required(line, REGISTRY),
            auth.substring(0, colon),
            auth.substring(colon + 1));
    PrivateFile.replace(file, after);
    out.println("Saved credentials for " + line.getOptionValue(REGISTRY) + " into " + file);
    return 0;
  }

  private static byte[] before(Path file) throws IOException {
    try {
      return Files.readAllBytes(file);
    } catch (NoSuchFileException e) {
      return "{}".getBytes(UTF_8);
    }
  }

  private static String required(CommandLine line, String option) throws ParseException {
    if (!line.hasOption(option)) {
      throw new ParseException("--" + option + " is needed");
    }
    return line.getOptionValue(option);
  }
}
