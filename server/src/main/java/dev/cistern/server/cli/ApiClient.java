package dev.cistern.server.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cistern.server.cli.objects.ApiKinds;
import dev.cistern.server.objects.Meta;
import dev.cistern.server.objects.ResourceType;
import java.io.IOException;
import java.net.URLEncoder;
import java.time.Duration;
import java.util.Map;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.ParseException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Client of a running server's object API, which {@code oc} and {@code kubectl} use too. */
final class ApiClient {
  private static final String DISCOVERY =
      "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
  private static final String TABLE =
      "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

  /** Timeout for changes, because an import asks other registries before it is answered. */
  private static final Duration PATIENCE = Duration.ofMinutes(10);

  private final AdminClient server;

  private ApiClient(AdminClient server) {
    this.server = server;
  }

  /** Returns the client for the given options. */
  static ApiClient of(CommandLine line) throws ParseException {
    return new ApiClient(AdminClient.of(line));
  }

  /** Returns the kinds of objects that the server has. */
  ApiKinds kinds() throws IOException {
    JsonNode core = server.ask(Ask.get("/api").accepting(DISCOVERY));
    JsonNode groups = server.ask(Ask.get("/apis").accepting(DISCOVERY));
    return ApiKinds.of(core, groups);
  }

  /**
   * Returns an object.
   *
   * @param namespace the namespace; "" for an object without one
   */
  ObjectNode get(ResourceType type, String namespace, String name) throws IOException {
    return object(server.ask(Ask.get(path(type, namespace, name))));
  }

  /**
   * Returns a list or one object, as objects or as a table.
   *
   * @param name the name of one object; "" for all
   */
  JsonNode read(
      ResourceType type,
      String namespace,
      String name,
      Map<String, String> parameters,
      boolean isTable)
      throws IOException {
    Ask ask = Ask.get(path(type, namespace, name) + AdminClient.query(parameters));
    return server.ask(isTable ? ask.accepting(TABLE) : ask);
  }

  /** Watches for changes until the server ends the watch. */
  void watch(
      ResourceType type,
      String namespace,
      Map<String, String> parameters,
      boolean isTable,
      ServerConnection.Listener listener)
      throws IOException {
    Ask ask =
        Ask.get(path(type, namespace, "") + AdminClient.query(parameters)).patient(Duration.ZERO);
    server.follow(isTable ? ask.accepting(TABLE) : ask, listener);
  }

  ObjectNode create(ResourceType type, String namespace, ObjectNode object) throws IOException {
    return object(
        server.ask(Ask.send("POST", path(type, namespace, ""), object).patient(PATIENCE)));
  }

  /** Replaces the object of the same name. */
  ObjectNode replace(ResourceType type, String namespace, ObjectNode object) throws IOException {
    String path = path(type, namespace, Meta.name(object));
    return object(server.ask(Ask.send("PUT", path, object).patient(PATIENCE)));
  }

  void delete(ResourceType type, String namespace, String name) throws IOException {
    ObjectNode options = JsonMapper.shared().createObjectNode();
    options.put("kind", "DeleteOptions").put("apiVersion", type.apiVersion());
    server.ask(Ask.send("DELETE", path(type, namespace, name), options));
  }

  private static ObjectNode object(JsonNode answer) throws IOException {
    if (answer instanceof ObjectNode object) {
      return object;
    }
    throw new IOException("the server answered with no object");
  }

  private static String path(ResourceType type, String namespace, String name) {
    return (type.group().isEmpty() ? "/api/" : "/apis/")
        + type.apiVersion()
        + (type.isNamespaced() && !namespace.isEmpty() ? "/namespaces/" + encoded(namespace) : "")
        + "/"
        + type.plural()
        + (name.isEmpty() ? "" : "/" + encoded(name));
  }

  private static String encoded(String part) {
    return URLEncoder.encode(part, UTF_8)
        .replace("+", "%20")
        .replace("%3A", ":")
        .replace("%40", "@");
  }
}
