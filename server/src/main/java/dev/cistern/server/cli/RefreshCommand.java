package dev.cistern.server.cli;

import java.io.IOException;
import java.io.PrintWriter;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Options;
import org.apache.commons.cli.ParseException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Has the upstream asked now where a tag points. */
final class RefreshCommand implements Command {
  @Override
  public String name() {
    return "refresh";
  }

  @Override
  public String summary() {
    return "asks the upstream now where a tag points, however fresh it is here";
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
  public int run(CommandLine line, PrintWriter out) throws IOException, ParseException {
    boolean isJson = AdminClient.isJson(line);
    JsonNode answer =
        AdminClient.of(line)
            .post(
                "/admin/refresh",
                JsonMapper.shared()
                    .createObjectNode()
                    .put("reference", line.getArgList().getFirst()));
    String before = answer.path("before").asString("");
    String now = answer.path("digest").asString();
    if (isJson) {
      out.println(answer);
    } else if (before.equals(now)) {
      out.println(now + ", as before");
    } else {
      out.println(now + (before.isEmpty() ? ", new here" : ", before " + before));
    }
    return 0;
  }
}
