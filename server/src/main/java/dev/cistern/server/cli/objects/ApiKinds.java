package dev.cistern.server.cli.objects;

import dev.cistern.server.objects.ResourceType;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/** The kinds of objects that a server has, by all their names. */
public final class ApiKinds {
  private final List<ResourceType> types;

  private ApiKinds(List<ResourceType> types) {
    this.types = List.copyOf(types);
  }

  /**
   * Returns the kinds in a server's discovery documents ({@code apidiscovery.k8s.io/v2}).
   *
   * @param core the document of {@code /api}
   * @param groups the document of {@code /apis}
   */
  public static ApiKinds of(JsonNode core, JsonNode groups) {
    var types = new ArrayList<ResourceType>();
    for (JsonNode list : List.of(core, groups)) {
      for (JsonNode group : list.path("items")) {
        String name = group.path("metadata").path("name").asString("");
        group
            .path("versions")
            .forEach(version ->
                version.path("resources").forEach(one -> types.add(type(name, version, one))));
      }
    }
    return new ApiKinds(types);
  }

  private static ResourceType type(String group, JsonNode version, JsonNode resource) {
    var shortNames = new ArrayList<String>();
    resource.path("shortNames").forEach(name -> shortNames.add(name.asString("")));
    return new ResourceType(
        group,
        version.path("version").asString(""),
        resource.path("resource").asString(""),
        resource.path("singularResource").asString(""),
        resource.path("responseKind").path("kind").asString(""),
        resource.path("scope").asString("").equals("Namespaced"),
        shortNames);
  }

  /**
   * Returns the kind with a plural, singular or short name, which may include the group.
   *
   * @throws ObjectException if there is none
   */
  public ResourceType named(String name) {
    String wanted = name.toLowerCase(Locale.ROOT);
    return types.stream()
        .filter(type -> isNamed(type, wanted))
        .findFirst()
        .orElseThrow(() ->
            new ObjectException("the server doesn't have a resource type " + Quoted.of(name)));
  }

  private static boolean isNamed(ResourceType type, String wanted) {
    return List.of(
                type.plural(),
                type.singular(),
                type.resource(),
                type.plural() + "." + type.version() + "." + type.group())
            .contains(wanted)
        || type.qualifiedKind().toLowerCase(Locale.ROOT).equals(wanted)
        || type.shortNames().contains(wanted);
  }

  /** Returns the kind of an object, by its {@code apiVersion} and {@code kind}. */
  public Optional<ResourceType> of(JsonNode object) {
    String version = object.path("apiVersion").asString("");
    String kind = object.path("kind").asString("");
    return types.stream()
        .filter(type -> type.apiVersion().equals(version) && type.kind().equals(kind))
        .findFirst();
  }
}
