package dev.cistern.server.cli;

import dev.cistern.server.cli.objects.ImageKinds;
import dev.cistern.server.cli.objects.ImportOptions;
import dev.cistern.server.cli.objects.ImportResult;
import dev.cistern.server.cli.objects.StreamImport;
import java.io.IOException;
import java.io.PrintWriter;
import java.time.Instant;
import java.util.Optional;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Options;
import org.apache.commons.cli.ParseException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The {@code import-image} command, which imports images into an image stream like {@code oc
 * import-image}.
 */
final class ImportImageCommand implements Command {
  private static final String FROM = "from";
  private static final String CONFIRM = "confirm";
  private static final String ALL = "all";
  private static final String DRY_RUN = "dry-run";

  @Override
  public String name() {
    return "import-image";
  }

  @Override
  public String summary() {
    return "imports images into an image stream: what its tags are is asked now";
  }

  @Override
  public String operands() {
    return "NAME[:TAG]";
  }

  @Override
  public Options options() {
    return ImportPolicies.addTo(AdminClient.connectionOptions().addOption(Namespace.ofObjects()))
        .addOption(
            ConfigOptions.option(
                FROM, "SPEC", "where the image is (default where the stream says)"))
        .addOption(Flags.flag(CONFIRM, "make the stream, or change where it comes from"))
        .addOption(Flags.flag(ALL, "all tags of the stream, or of the repository in --from"))
        .addOption(Flags.flag(DRY_RUN, "ask and tell, and change nothing"));
  }

  @Override
  public int run(CommandLine line, PrintWriter out, PrintWriter err)
      throws IOException, ParseException {
    ImportOptions options = chosen(line);
    StreamImport what = StreamImport.parse(line.getArgList().getFirst(), options);
    String namespace = Namespace.orDefault(line);
    ApiClient server = ApiClient.of(line);
    ObjectNode request = what.request(stream(server, namespace, what.name()));
    JsonNode answer = server.create(ImageKinds.IMPORT, namespace, request);
    ImportResult result = ImportResult.of(answer, what.name(), options.isDryRun(), Instant.now());
    out.print(result.text());
    out.flush();
    result.complaints().forEach(err::println);
    return result.isFailed() ? 1 : 0;
  }

  private static ImportOptions chosen(CommandLine line) throws ParseException {
    String policy =
        ImportPolicies.policy(line, "valid reference policy values are source or local");
    Optional<Boolean> isInsecure =
        line.hasOption(ImportPolicies.INSECURE)
            ? Optional.of(Flags.isOn(line, ImportPolicies.INSECURE))
            : Optional.empty();
    return new ImportOptions(
        line.getOptionValue(FROM, ""),
        Flags.isOn(line, CONFIRM),
        Flags.isOn(line, ALL),
        Flags.isOn(line, ImportPolicies.SCHEDULED),
        isInsecure,
        policy,
        ImportPolicies.mode(line),
        Flags.isOn(line, DRY_RUN));
  }

  private static Optional<ObjectNode> stream(ApiClient server, String namespace, String name)
      throws IOException {
    try {
      return Optional.of(server.get(ImageKinds.STREAM, namespace, name));
    } catch (StatusException e) {
      if (e.is("NotFound")) {
        return Optional.empty();
      }
      throw e;
    }
  }
}
