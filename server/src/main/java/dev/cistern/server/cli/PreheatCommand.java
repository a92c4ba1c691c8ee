package dev.cistern.server.cli;

import java.io.Console;
import java.io.IOException;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Option;
import org.apache.commons.cli.Options;
import org.apache.commons.cli.ParseException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The {@code preheat} command, which makes a server fetch images before anyone pulls them, and
 * shows the progress.
 */
final class PreheatCommand implements Command {
  private static final String PLATFORM = "platform";
  private static final Duration BETWEEN_LOOKS = Duration.ofMillis(500);
  private static final int BAR_WIDTH = 30;

  @Override
  public String name() {
    return "preheat";
  }

  @Override
  public String summary() {
    return "brings images here before anybody pulls them; a line of JSON a step, a bar on a terminal";
  }

  @Override
  public String operands() {
    return "REF...";
  }

  @Override
  public Options options() {
    return AdminClient.options()
        .addOption(
            Option.builder()
                .longOpt(PLATFORM)
                .hasArg()
                .argName("OS/ARCH")
                .desc("of an index bring only this platform; may be repeated (default all)")
                .get());
  }

  @Override
  public int run(CommandLine line, PrintWriter out, PrintWriter err)
      throws IOException, InterruptedException, ParseException {
    boolean isBar = !Output.isJson(line) && isTerminal();
    AdminClient server = AdminClient.of(line);
    ObjectNode order = JsonMapper.shared().createObjectNode();
    ArrayNode references = order.putArray("references");
    line.getArgList().forEach(references::add);
    if (line.hasOption(PLATFORM)) {
      ArrayNode platforms = order.putArray("platforms");
      for (String platform : line.getOptionValues(PLATFORM)) {
        platforms.add(platform);
      }
    }
    JsonNode progress = server.post("/admin/preheat", order);
    String id = progress.path("id").asString();
    while (true) {
      if (isBar) {
        out.print("\r" + bar(progress));
        out.flush();
      } else {
        out.println(progress);
      }
      if (!progress.path("state").asString().equals("running")) {
        break;
      }
      Thread.sleep(BETWEEN_LOOKS);
      progress = server.get("/admin/preheat", Map.of("id", id));
    }
    if (isBar) {
      out.println();
    }
    if (progress.has("failure")) {
      throw new IOException("preheat failed: " + progress.path("failure").asString());
    }
    return 0;
  }

  private static boolean isTerminal() {
    return Optional.ofNullable(System.console()).map(Console::isTerminal).orElse(false);
  }

  private static String bar(JsonNode progress) {
    long done = progress.path("doneBytes").asLong();
    long total = progress.path("totalBytes").asLong();
    int filled = total == 0 ? 0 : (int) (BAR_WIDTH * done / total);
    return String.format(
        Locale.ROOT,
        "[%s%s] %d of %d images, %d of %d MiB",
        "#".repeat(filled),
        " ".repeat(BAR_WIDTH - filled),
        progress.path("images").asInt(),
        progress.path("wanted").asInt(),
        done >> 20,
        total >> 20);
  }
}
