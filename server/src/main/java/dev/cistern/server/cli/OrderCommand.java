package dev.cistern.server.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.function.Function;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Options;
import org.apache.commons.cli.ParseException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A command that makes a server change one image.
 *
 * @param name the name of the command, and of the endpoint on the server
 * @param told the conversion of the server's answer into a message
 */
record OrderCommand(String name, String summary, Function<JsonNode, String> told)
    implements Command {
  /** Returns the {@code refresh} command, which asks the upstream where a tag points now. */
  static Command refresh() {
    return new OrderCommand(
        "refresh",
        "asks the upstream now where a tag points, however fresh it is here",
        answer -> {
          String before = answer.path("before").asString("");
          String now = answer.path("digest").asString();
          if (before.equals(now)) {
            return now + ", as before";
          }
          return now + (before.isEmpty() ? ", new here" : ", before " + before);
        });
  }

  /** Returns the {@code pin} command, which protects an image from eviction. */
  static Command pin() {
    return new OrderCommand(
        "pin",
        "keeps an image from being evicted, whatever its tag comes to point at",
        answer -> answer.path("changed").asBoolean() ? "pinned" : "pinned, as before");
  }

  /** Returns the {@code unpin} command, which ends a pin. */
  static Command unpin() {
    return new OrderCommand(
        "unpin",
        "ends a pin",
        answer -> answer.path("changed").asBoolean() ? "not pinned any more" : "was not pinned");
  }

  /** Returns the {@code purge} command, which removes a cached image. */
  static Command purge() {
    return new OrderCommand(
        "purge",
        "removes what is cached of an image; what was pushed stays",
        answer -> "removed, with " + answer.path("bytes").asLong() + " bytes of blobs");
  }

  @Override
  public String operands() {
    return "REF";
  }

  @Override
  public Options options() {
    return AdminClient.options();
  }

  @Override
  public int run(CommandLine line, PrintWriter out, PrintWriter err)
      throws IOException, ParseException {
    boolean isJson = Output.isJson(line);
    JsonNode answer =
        AdminClient.of(line)
            .post(
                "/admin/" + name,
                JsonMapper.shared()
                    .createObjectNode()
                    .put("reference", line.getArgList().getFirst()));
    out.println(isJson ? answer.toString() : told.apply(answer));
    return 0;
  }
}
