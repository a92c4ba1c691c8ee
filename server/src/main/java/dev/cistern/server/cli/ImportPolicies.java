package dev.cistern.server.cli;

import dev.cistern.server.cli.objects.ObjectException;
import java.util.Locale;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Option;
import org.apache.commons.cli.Options;

/** The options of {@code import-image} and {@code tag} for import and reference policies. */
final class ImportPolicies {
  static final String SCHEDULED = "scheduled";
  static final String INSECURE = "insecure";
  static final String MODE = "import-mode";
  private static final String POLICY = "reference-policy";

  private ImportPolicies() {}

  static Options addTo(Options options) {
    return options
        .addOption(Flags.flag(SCHEDULED, "look again for what the tag is, from time to time"))
        .addOption(
            Flags.flag(INSECURE, "the registry may be asked by http, or with any certificate"))
        .addOption(
            ConfigOptions.option(
                POLICY, "POLICY", "source (default), or local: pulled through this server"))
        .addOption(mode());
  }

  private static Option mode() {
    return ConfigOptions.option(
        MODE, "MODE", "of an index: Legacy (default), one image; or PreserveOriginal, all");
  }

  /** Returns the import mode as the API spells it. */
  static String mode(CommandLine line) {
    String mode = line.getOptionValue(MODE, "");
    return switch (mode) {
      case "", "Legacy" -> "Legacy";
      case "PreserveOriginal" -> mode;
      default ->
          throw new ObjectException("valid ImportMode values are Legacy or PreserveOriginal");
    };
  }

  /**
   * Returns the reference policy as the API spells it.
   *
   * @param complaint the error message for an invalid policy
   */
  static String policy(CommandLine line, String complaint) {
    return switch (line.getOptionValue(POLICY, "").toLowerCase(Locale.ROOT)) {
      case "", "source" -> "Source";
      case "local" -> "Local";
      default -> throw new ObjectException(complaint);
    };
  }
}
