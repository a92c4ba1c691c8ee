package dev.cistern.server.cli.objects;

import java.net.URI;
import java.util.Base64;
import java.util.Optional;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * A configuration of {@code oc} and {@code kubectl} for a server ({@code v1 Config}).
 *
 * @param authorities the CA certificates for the server, PEM; empty for those of the machine
 * @param token the token of the user; empty for anonymous access
 */
public record Kubeconfig(
    URI server, String namespace, Optional<byte[]> authorities, Optional<String> token) {
  private static final String USER = "cistern";

  /** Returns the configuration as YAML. */
  @Override
  public String toString() {
    String cluster = server.getRawAuthority().replace('.', '-');
    String context = namespace + "/" + cluster;
    ObjectNode json = JsonMapper.shared().createObjectNode();
    json.put("apiVersion", "v1").put("kind", "Config").put("current-context", context);
    ObjectNode reached = named(json, "clusters", cluster).putObject("cluster");
    reached.put("server", server.toString());
    authorities.ifPresent(
        pem -> reached.put("certificate-authority-data", Base64.getEncoder().encodeToString(pem)));
    ObjectNode place = named(json, "contexts", context).putObject("context");
    place.put("cluster", cluster).put("namespace", namespace);
    token.ifPresent(text -> {
      place.put("user", USER);
      named(json, "users", USER).putObject("user").put("token", text);
    });
    return YamlText.of(json);
  }

  private static ObjectNode named(ObjectNode json, String list, String name) {
    return json.putArray(list).addObject().put("name", name);
  }
}
