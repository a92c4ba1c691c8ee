package dev.cistern.server.cli;

import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import dev.cistern.server.Logs;
import dev.cistern.server.admin.StoreChecks;
import dev.cistern.storage.Adoption;
import dev.cistern.storage.Finding;
import dev.cistern.storage.StorageLimits;
import dev.cistern.storage.Store;
import dev.cistern.storage.StoreCheck;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Options;
import org.apache.commons.cli.ParseException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The {@code fsck} command, which checks the store of a stopped or running server and optionally
 * repairs it. Exit status: 0 if nothing is left to do, 1 if something is, 3 if the store cannot be
 * read.
 */
final class FsckCommand implements Command {
  private static final int LEFT = 1;
  private static final int REFUSED = 3;
  private static final String DATA = "data";
  private static final String SERVER = "server";
  private static final String DIGESTS = "digests";
  private static final String RATE = "rate";
  private static final String REPAIR = "repair";
  private static final String ADOPT = "adopt";
  private static final String EMPTY_QUARANTINE = "empty-quarantine";
  private static final Pattern SIZE = Pattern.compile("(\\d{1,6})(KiB|MiB|GiB|KB|MB|GB)");
  private static final Duration BETWEEN_LOOKS = Duration.ofMillis(500);

  @Override
  public String name() {
    return "fsck";
  }

  @Override
  public String summary() {
    return "Check a store and its content, and repair it";
  }

  @Override
  public Options options() {
    return AdminClient.options()
        .addOption(
            ConfigOptions.option(
                DATA, "DIR", "the store of a server that is stopped, to check here"))
        .addOption(Flags.flag(DIGESTS, "read all content and compare it with its digests"))
        .addOption(
            ConfigOptions.option(
                RATE, "SIZE", "bytes a second to read, such as 50MiB (default: no limit)"))
        .addOption(
            Flags.flag(
                REPAIR, "repair what is found; damaged pushed content has to be pushed again"))
        .addOption(
            Flags.flag(
                ADOPT,
                "with --data: first make a new index for content whose index is lost; verifies each"
                    + " file and keeps it for reuse"))
        .addOption(
            Flags.flag(
                EMPTY_QUARANTINE,
                "first remove all files that were set aside, damaged pushed content too"));
  }

  @Override
  public int run(CommandLine line, PrintWriter out, PrintWriter err)
      throws IOException, InterruptedException, ParseException {
    boolean isJson = Output.isJson(line);
    if (line.hasOption(DATA) == line.hasOption(SERVER)) {
      throw new ParseException("one of --data DIR and --server URL is required");
    }
    if (line.hasOption(SERVER) && Flags.isOn(line, ADOPT)) {
      throw new ParseException("--adopt is for the store of a server that is stopped: --data DIR");
    }
    var printed = new Printed(out, isJson);
    return line.hasOption(DATA)
        ? offline(line, Path.of(line.getOptionValue(DATA)), printed, err)
        : online(line, printed);
  }

  private static int offline(CommandLine line, Path data, Printed printed, PrintWriter err)
      throws IOException, ParseException {
    StoreCheck.Order order = order(line);
    if (!Files.isDirectory(data.resolve("index")) && !Files.isDirectory(data.resolve("blobs"))) {
      throw new IOException(data + " is not the data directory of a store");
    }
    Logs.startForCommand();
    if (Flags.isOn(line, ADOPT)) {
      adopt(data, err);
    }
    try (Store store = open(data, order.isRepair(), err)) {
      if (Flags.isOn(line, EMPTY_QUARANTINE)) {
        store.emptyQuarantine();
      }
      printed.begin();
      return printed.end(store.check(order, printed));
    } catch (IOException e) {
      err.println(Complaint.of(e));
      return REFUSED;
    }
  }

  /** Adopts the content of a store whose index is lost into a new index. */
  private static void adopt(Path data, PrintWriter err) throws IOException {
    Adoption adopted =
        Adoption.adopt(data, StorageLimits.NONE, InstantSource.system(), bytes -> {});
    err.println(
        "adopted %d blobs (%d MiB) for reuse; %d damaged files were set aside"
            .formatted(adopted.blobs(), adopted.bytes() >> 20, adopted.damaged()));
  }

  private static Store open(Path data, boolean isRepair, PrintWriter err) throws IOException {
    if (!isRepair) {
      return Store.open(data, InstantSource.system());
    }
    Store.Repaired repaired = Store.repair(data, StorageLimits.NONE, InstantSource.system());
    if (repaired.lostChanges() > 0 || repaired.unreadBytes() > 0) {
      err.println(
          "the log of the index was damaged: %d acknowledged changes and %d bytes of the log are lost"
              .formatted(repaired.lostChanges(), repaired.unreadBytes()));
    }
    return repaired.store();
  }

  private static int online(CommandLine line, Printed printed)
      throws IOException, InterruptedException, ParseException {
    StoreCheck.Order order = order(line);
    AdminClient server = AdminClient.of(line);
    ObjectNode body = JsonMapper.shared().createObjectNode();
    body.put(DIGESTS, order.digests()).put(REPAIR, order.isRepair());
    body.put("emptyQuarantine", Flags.isOn(line, EMPTY_QUARANTINE));
    order.rate().ifPresent(rate -> body.put(RATE, rate));
    JsonNode check = server.post("/admin/v1/fsck", body);
    String id = check.path("id").asString();
    printed.begin();
    int shown = 0;
    while (true) {
      for (JsonNode finding : check.path("findings")) {
        printed.print(finding);
        shown++;
      }
      boolean isRunning = check.path("state").asString().equals("running");
      if (!isRunning && check.path("findings").isEmpty()) {
        break;
      }
      if (isRunning) {
        Thread.sleep(BETWEEN_LOOKS);
      }
      check = server.get("/admin/v1/fsck", Map.of("id", id, "from", Integer.toString(shown)));
    }
    printed.more(check.path("dropped").asLong(0));
    int status =
        printed.end(
            new StoreCheck.Progress(check.path("checked").asLong(), check.path("bytes").asLong()),
            check.path("found").asLong(),
            check.path("left").asLong());
    if (check.has("failure")) {
      throw new IOException("the check failed: " + check.path("failure").asString());
    }
    return status;
  }

  private static StoreCheck.Order order(CommandLine line) throws ParseException {
    return new StoreCheck.Order(Flags.isOn(line, DIGESTS), rate(line), Flags.isOn(line, REPAIR));
  }

  private static OptionalLong rate(CommandLine line) throws ParseException {
    String text = line.getOptionValue(RATE);
    if (text == null) {
      return OptionalLong.empty();
    }
    Matcher matcher = SIZE.matcher(text);
    long number = matcher.matches() ? Long.parseLong(matcher.group(1)) : 0;
    if (number == 0) {
      throw new ParseException("--rate: a size such as 50MiB is expected, not \"" + text + "\"");
    }
    long unit = matcher.group(2).length() == 3 ? 1024 : 1000;
    return OptionalLong.of(
        switch (matcher.group(2).charAt(0)) {
          case 'K' -> number * unit;
          case 'M' -> number * unit * unit;
          default -> number * unit * unit * unit;
        });
  }

  /** Prints findings as they arrive, without keeping them. */
  private static final class Printed implements StoreCheck.Report {
    private final PrintWriter out;
    private final boolean isJson;
    private long found;
    private long left;

    Printed(PrintWriter out, boolean isJson) {
      this.out = out;
      this.isJson = isJson;
    }

    void begin() {
      if (isJson) {
        out.print("{\"findings\":[");
      }
    }

    @Override
    public void found(Finding finding) {
      left += finding.isRepaired() ? 0 : 1;
      print(StoreChecks.json(finding));
    }

    void print(JsonNode finding) {
      if (isJson) {
        out.print((found == 0 ? "\n" : ",\n") + finding);
      } else {
        out.println(text(finding));
      }
      out.flush();
      found++;
    }

    void more(long count) {
      if (count > 0 && !isJson) {
        out.println("... and " + count + " more");
      }
    }

    int end(StoreCheck.Progress all) {
      return end(all, found, left);
    }

    int end(StoreCheck.Progress all, long allFound, long allLeft) {
      if (isJson) {
        ObjectNode summary = JsonMapper.shared().createObjectNode();
        summary.put("checked", all.things()).put("bytes", all.bytes());
        summary.put("found", allFound).put("left", allLeft);
        out.println("\n],\"summary\":" + summary + "}");
      } else {
        out.println(
            "checked %d facts and files, read %d MiB: %s"
                .formatted(
                    all.things(),
                    all.bytes() >> 20,
                    allFound == 0 ? "clean" : allFound + " findings, " + allLeft + " left to do"));
      }
      return allLeft == 0 ? 0 : LEFT;
    }

    private static String text(JsonNode finding) {
      var text = new StringBuilder();
      text.append(finding.path("repaired").asBoolean() ? "repaired  " : "found     ");
      text.append(finding.path("kind").asString()).append("  ");
      text.append(finding.path("subject").asString());
      String origin = finding.path("origin").asString("");
      if (!origin.isEmpty()) {
        text.append(" (").append(origin).append(")");
      }
      text.append(": ").append(finding.path("detail").asString());
      String advice = finding.path("advice").asString("");
      if (!advice.isEmpty()) {
        text.append("; ").append(advice);
      }
      if (!finding.path("repositories").isEmpty()) {
        text.append("; in");
        finding.path("repositories").forEach(name -> text.append(" ").append(name.asString()));
        int more = finding.path("moreRepositories").asInt(0);
        text.append(more > 0 ? " and " + more + " more" : "");
      }
      return text.toString();
    }

    @Override
    public void progress(StoreCheck.Progress progress) {}

    @Override
    public void refetch(Digest blob, List<RepositoryName> repositories) {
      // An offline check fetches nothing. The next pull fetches the blob.
    }
  }
}
