package dev.cistern.server.cli.objects;

import dev.cistern.server.objects.Meta;
import dev.cistern.server.objects.ResourceType;
import java.util.Optional;
import tools.jackson.databind.node.ObjectNode;

/**
 * An object from a file, with its kind and namespace.
 *
 * @param namespace the namespace; "" for an object without one
 */
public record Placed(ResourceType type, String namespace, ObjectNode object, String file) {
  private static final String DEFAULT = "default";

  /**
   * Determines the kind and namespace of an object.
   *
   * @param namespace the namespace of the command line, if any
   * @throws ObjectException if there is no such kind, or the object has another namespace
   */
  public static Placed of(ObjectFiles.Item item, ApiKinds kinds, Optional<String> namespace) {
    ObjectNode object = item.object();
    ResourceType type = kinds.of(object).orElseThrow(() -> unknown(item));
    if (!type.isNamespaced()) {
      return new Placed(type, "", object, item.file());
    }
    String said = Meta.namespace(object);
    if (!said.isEmpty() && namespace.filter(other -> !other.equals(said)).isPresent()) {
      throw new ObjectException(
          ("the namespace from the provided object %s does not match the namespace %s. You must"
                  + " pass '--namespace=%s' to perform this operation.")
              .formatted(Quoted.of(said), Quoted.of(namespace.get()), said));
    }
    String place = said.isEmpty() ? namespace.orElse(DEFAULT) : said;
    Meta.of(object).put("namespace", place);
    return new Placed(type, place, object, item.file());
  }

  private static ObjectException unknown(ObjectFiles.Item item) {
    return new ObjectException(
        ("resource mapping not found for name: %s namespace: %s from %s: no matches for kind %s in"
                + " version %s\nensure CRDs are installed first")
            .formatted(
                Quoted.of(Meta.name(item.object())),
                Quoted.of(Meta.namespace(item.object())),
                Quoted.of(item.file()),
                Quoted.of(item.object().path("kind").asString("")),
                Quoted.of(item.object().path("apiVersion").asString(""))));
  }

  public String name() {
    return Meta.name(object);
  }

  /** Returns {@code KIND.GROUP/NAME}. */
  @Override
  public String toString() {
    return Named.of(type, name());
  }
}
