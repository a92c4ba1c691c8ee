package dev.cistern.server.api;

import dev.cistern.server.objects.ResourceType;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The discovery documents of the API, in the three forms that clients request: group by group, all
 * groups, and aggregated ({@code apidiscovery.k8s.io/v2}).
 */
final class Discovery {
  private static final String CORE_VERSION = "v1";

  /** The resources by group and version, in the order in which clients should try them. */
  private final Map<String, List<Resource>> byVersion = new LinkedHashMap<>();

  Discovery(Collection<Resource> resources) {
    for (Resource resource : resources) {
      byVersion
          .computeIfAbsent(resource.type().apiVersion(), version -> new ArrayList<>())
          .add(resource);
    }
  }

  /** Returns the API verbs of a resource. */
  static List<String> verbs(Resource resource) {
    var verbs = new ArrayList<String>();
    if (resource instanceof Resource.Creates) {
      verbs.add("create");
    }
    if (resource instanceof Resource.Deletes) {
      verbs.add("delete");
    }
    if (resource instanceof Resource.Gets) {
      verbs.add("get");
    }
    if (resource instanceof Resource.Shows || resource instanceof Resource.Answers) {
      verbs.add("list");
    }
    if (resource instanceof Resource.Updates) {
      verbs.add("patch");
      verbs.add("update");
    }
    if (resource instanceof Resource.Shows) {
      verbs.add("watch");
    }
    return verbs;
  }

  /** Returns the document of {@code /api}. */
  ObjectNode core() {
    ObjectNode json = JsonMapper.shared().createObjectNode().put("kind", "APIVersions");
    json.putArray("versions").add(CORE_VERSION);
    json.putArray("serverAddressByClientCIDRs");
    return json;
  }

  /** Returns the document of {@code /apis}. */
  ObjectNode groups() {
    ObjectNode json = JsonMapper.shared().createObjectNode();
    json.put("kind", "APIGroupList").put("apiVersion", "v1");
    ArrayNode groups = json.putArray("groups");
    groupNames().forEach(name -> groups.add(described(name)));
    return json;
  }

  /** Returns the document of {@code /apis/GROUP}, if the group exists. */
  Optional<ObjectNode> group(String name) {
    return groupNames().contains(name)
        ? Optional.of(described(name).put("kind", "APIGroup").put("apiVersion", "v1"))
        : Optional.empty();
  }

  private Set<String> groupNames() {
    var names = new LinkedHashSet<String>();
    byVersion.values().forEach(resources -> names.add(resources.getFirst().type().group()));
    names.remove("");
    return names;
  }

  private ObjectNode described(String name) {
    ObjectNode group = JsonMapper.shared().createObjectNode().put("name", name);
    ArrayNode versions = group.putArray("versions");
    for (List<Resource> resources : byVersion.values()) {
      ResourceType type = resources.getFirst().type();
      if (type.group().equals(name)) {
        versions.add(version(type));
      }
    }
    group.set("preferredVersion", versions.path(0));
    return group;
  }

  private static ObjectNode version(ResourceType type) {
    return JsonMapper.shared()
        .createObjectNode()
        .put("groupVersion", type.apiVersion())
        .put("version", type.version());
  }

  /**
   * Returns the document of {@code /api/v1} or {@code /apis/GROUP/VERSION}, if the version exists.
   */
  Optional<ObjectNode> version(String apiVersion) {
    List<Resource> resources = byVersion.get(apiVersion);
    if (resources == null) {
      return Optional.empty();
    }
    ObjectNode json = JsonMapper.shared().createObjectNode();
    json.put("kind", "APIResourceList").put("apiVersion", "v1").put("groupVersion", apiVersion);
    ArrayNode list = json.putArray("resources");
    for (Resource resource : resources) {
      ResourceType type = resource.type();
      ObjectNode item = list.addObject();
      item.put("name", type.plural()).put("singularName", type.singular());
      item.put("namespaced", type.isNamespaced()).put("kind", type.kind());
      ArrayNode verbs = item.putArray("verbs");
      verbs(resource).forEach(verbs::add);
      if (!type.shortNames().isEmpty()) {
        ArrayNode names = item.putArray("shortNames");
        type.shortNames().forEach(names::add);
      }
    }
    return Optional.of(json);
  }

  /**
   * Returns the aggregated discovery of the core group, or of all other groups.
   *
   * @param version the version of the format, {@code v2} or {@code v2beta1}
   */
  ObjectNode aggregated(boolean isCore, String version) {
    ObjectNode json = JsonMapper.shared().createObjectNode();
    json.put("kind", "APIGroupDiscoveryList").put("apiVersion", "apidiscovery.k8s.io/" + version);
    json.putObject("metadata");
    ArrayNode items = json.putArray("items");
    Set<String> groups = isCore ? Set.of("") : groupNames();
    for (String group : groups) {
      ObjectNode item = items.addObject();
      ObjectNode metadata = item.putObject("metadata");
      if (!group.isEmpty()) {
        metadata.put("name", group);
      }
      ArrayNode versions = item.putArray("versions");
      for (List<Resource> resources : byVersion.values()) {
        if (resources.getFirst().type().group().equals(group)) {
          versions.add(aggregated(resources));
        }
      }
    }
    return json;
  }

  private static ObjectNode aggregated(List<Resource> resources) {
    ObjectNode json = JsonMapper.shared().createObjectNode();
    json.put("version", resources.getFirst().type().version()).put("freshness", "Current");
    ArrayNode list = json.putArray("resources");
    for (Resource resource : resources) {
      ResourceType type = resource.type();
      if (isPart(resource)) {
        continue; // it is listed with its parent
      }
      ObjectNode item = list.addObject().put("resource", type.plural());
      item.set("responseKind", kind(type));
      item.put("scope", type.isNamespaced() ? "Namespaced" : "Cluster");
      item.put("singularResource", type.singular());
      ArrayNode verbs = item.putArray("verbs");
      verbs(resource).forEach(verbs::add);
      if (!type.shortNames().isEmpty()) {
        ArrayNode names = item.putArray("shortNames");
        type.shortNames().forEach(names::add);
      }
      parts(type, resources, item);
    }
    return json;
  }

  private static boolean isPart(Resource resource) {
    return resource.type().plural().contains("/");
  }

  private static ObjectNode kind(ResourceType type) {
    return JsonMapper.shared()
        .createObjectNode()
        .put("group", type.group())
        .put("version", type.version())
        .put("kind", type.kind());
  }

  private static void parts(ResourceType whole, List<Resource> resources, ObjectNode item) {
    for (Resource resource : resources) {
      String plural = resource.type().plural();
      if (plural.startsWith(whole.plural() + "/")) {
        ObjectNode part = item.withArray("subresources").addObject();
        part.put("subresource", plural.substring(whole.plural().length() + 1));
        part.set("responseKind", kind(resource.type()));
        ArrayNode verbs = part.putArray("verbs");
        verbs(resource).forEach(verbs::add);
      }
    }
  }
}
