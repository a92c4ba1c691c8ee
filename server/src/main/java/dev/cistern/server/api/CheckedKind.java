package dev.cistern.server.api;

import dev.cistern.server.config.ConfigException;
import dev.cistern.server.config.Resources;
import dev.cistern.server.config.Rules;
import dev.cistern.server.objects.ApiException;
import dev.cistern.server.objects.Enforcement;
import dev.cistern.server.objects.FieldError;
import dev.cistern.server.objects.Meta;
import dev.cistern.server.objects.ResourceType;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Validation of the kinds that may also be defined in files. An object is parsed by the same rules
 * as in a file, and refused for the same reasons. A change is in effect before it is acknowledged.
 */
record CheckedKind(ResourceType type, Enforcement enforcement) implements StoredResource.Kind {
  @Override
  public void check(ObjectNode object) {
    if (type.kind().equals("Secret")) {
      complete(object);
    }
    try {
      Resources resources = Resources.parse(object.toString(), type.kind());
      for (Resources.Secret secret : resources.secrets()) {
        if (Rules.isPullSecret(secret)) {
          Rules.keyring(secret);
        }
      }
    } catch (ConfigException e) {
      throw ApiException.invalid(
          type,
          Meta.name(object),
          List.of(FieldError.invalid("", Meta.name(object), String.valueOf(e.getMessage()))));
    }
  }

  /** Encodes the {@code stringData} of a secret into {@code data}, and sets the default type. */
  private static void complete(ObjectNode secret) {
    JsonNode texts = secret.path("stringData");
    if (texts.isObject()) {
      ObjectNode data =
          secret.get("data") instanceof ObjectNode there ? there : secret.putObject("data");
      texts
          .properties()
          .forEach(entry ->
              data.put(
                  entry.getKey(),
                  Base64.getEncoder()
                      .encodeToString(
                          entry.getValue().asString("").getBytes(StandardCharsets.UTF_8))));
      secret.remove("stringData");
    }
    if (secret.path("type").asString("").isEmpty()) {
      secret.put("type", "Opaque");
    }
  }

  @Override
  public void changed() throws IOException {
    enforcement.enforce();
  }
}
