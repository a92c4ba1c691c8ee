package dev.cistern.server.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cistern.server.cli.objects.Placed;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Options;
import org.apache.commons.cli.ParseException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The {@code create} command, which creates objects from files ({@code create -f}) or a token of a
 * service account ({@code create token}).
 */
final class CreateCommand implements Command {
  private static final String DURATION = "duration";
  private static final String REGISTRY = "registry";
  private static final String DOCKER_CONFIG = "dockerconfigjson";
  private static final Pattern TIME = Pattern.compile("(\\d{1,9})([smhd])");

  @Override
  public String name() {
    return "create";
  }

  @Override
  public String summary() {
    return "create -f FILE: makes objects; create token NAME: makes a token of a service account,"
        + " -o dockerconfigjson for a pull secret";
  }

  @Override
  public String operands() {
    return "[token NAME...]";
  }

  @Override
  public Options options() {
    return AdminClient.options()
        .addOption(Namespace.option())
        .addOption(FileOptions.option())
        .addOption(
            ConfigOptions.option(
                DURATION, "TIME", "how long it is good: 1s to 365d, such as 24h (default 1h)"))
        .addOption(
            ConfigOptions.option(
                REGISTRY,
                "HOST[:PORT]",
                "of -o dockerconfigjson: how clients name the server (default as in --server)"));
  }

  @Override
  public int run(CommandLine line, PrintWriter out, PrintWriter err)
      throws IOException, ParseException {
    List<String> words = line.getArgList();
    if (words.isEmpty() && line.hasOption(FileOptions.FILENAME)) {
      ApiClient server = ApiClient.of(line);
      return FileOptions.forEach(line, server, "creating", one -> created(server, one), out, err);
    }
    if (words.size() != 2 || !words.getFirst().equals("token")) {
      throw new ParseException("create token NAME is expected, or create -f FILE");
    }
    boolean isDockerConfig = DOCKER_CONFIG.equals(line.getOptionValue("o"));
    boolean isJson = !isDockerConfig && Output.isJson(line);
    if (line.hasOption(REGISTRY) && !isDockerConfig) {
      throw new ParseException("--registry is for -o dockerconfigjson");
    }
    ObjectNode order = JsonMapper.shared().createObjectNode();
    order.put("serviceAccount", words.get(1));
    if (line.hasOption(DURATION)) {
      order.put("seconds", seconds(line.getOptionValue(DURATION)));
    }
    AdminClient server = AdminClient.of(line);
    JsonNode answer =
        server.post("/admin/token", Map.of(Namespace.KEY, Namespace.required(line)), order);
    String token = answer.path("token").asString();
    if (isDockerConfig) {
      out.println(dockerConfig(line.getOptionValue(REGISTRY, server.host()), token));
    } else {
      out.println(isJson ? answer.toString() : token);
    }
    return 0;
  }

  private static String created(ApiClient server, Placed object) throws IOException {
    server.create(object.type(), object.namespace(), object.object());
    return object + " created";
  }

  private static long seconds(String text) throws ParseException {
    Matcher matcher = TIME.matcher(text);
    if (!matcher.matches()) {
      throw new ParseException("--duration: a time such as 10m, 24h or 90d is expected");
    }
    long number = Long.parseLong(matcher.group(1));
    return switch (matcher.group(2)) {
      case "s" -> number;
      case "m" -> 60 * number;
      case "h" -> 60 * 60 * number;
      default -> 24 * 60 * 60 * number;
    };
  }

  /** Returns the content of a Secret of type kubernetes.io/dockerconfigjson. */
  private static ObjectNode dockerConfig(String registry, String token) {
    ObjectNode json = JsonMapper.shared().createObjectNode();
    String auth = Base64.getEncoder().encodeToString(("serviceaccount:" + token).getBytes(UTF_8));
    json.putObject("auths").putObject(registry).put("auth", auth);
    return json;
  }
}
