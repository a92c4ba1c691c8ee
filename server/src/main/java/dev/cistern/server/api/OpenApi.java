package dev.cistern.server.api;

import dev.cistern.server.objects.ResourceType;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The part of OpenAPI (v3, below {@code /openapi/v3}) that {@code kubectl} needs to leave the
 * validation of objects to the server. It lists the objects that can be patched and that patches
 * accept {@code fieldValidation}. Schemas are not included.
 */
final class OpenApi {
  private static final String PREFIX = "/openapi/v3";

  /** The documents by the path after the prefix. */
  private final Map<String, ObjectNode> documents = new LinkedHashMap<>();

  OpenApi(Collection<Resource> resources) {
    for (Resource resource : resources) {
      if (resource instanceof Resource.Updates) {
        ResourceType type = resource.type();
        ObjectNode document = documents.computeIfAbsent(root(type), root -> document());
        ((ObjectNode) document.path("paths")).set(path(type), patched(type));
      }
    }
  }

  private static String root(ResourceType type) {
    return (type.group().isEmpty() ? "api/" : "apis/") + type.apiVersion();
  }

  private static ObjectNode document() {
    ObjectNode document = JsonMapper.shared().createObjectNode().put("openapi", "3.0.0");
    document.putObject("info").put("title", "Cistern").put("version", "v1");
    document.putObject("paths");
    return document;
  }

  private static String path(ResourceType type) {
    String where = type.isNamespaced() ? "/namespaces/{namespace}/" : "/";
    String[] parts = type.plural().split("/", 2);
    return "/"
        + root(type)
        + where
        + parts[0]
        + "/{name}"
        + (parts.length > 1 ? "/" + parts[1] : "");
  }

  private static ObjectNode patched(ResourceType type) {
    ObjectNode path = JsonMapper.shared().createObjectNode();
    ObjectNode patch = path.putObject("patch");
    for (String name : new String[] {"dryRun", "fieldManager", "fieldValidation"}) {
      patch
          .withArray("parameters")
          .addObject()
          .put("name", name)
          .put("in", "query")
          .putObject("schema")
          .put("type", "string");
    }
    patch.putObject("responses").putObject("200").put("description", "OK");
    patch
        .putObject("x-kubernetes-group-version-kind")
        .put("group", type.group())
        .put("version", type.version())
        .put("kind", type.kind());
    return path;
  }

  /** Returns the list of documents, or one document, if the path is one of theirs. */
  Optional<ObjectNode> at(String path) {
    if (path.equals(PREFIX)) {
      ObjectNode list = JsonMapper.shared().createObjectNode();
      ObjectNode paths = list.putObject("paths");
      documents.forEach(
          (root, document) -> paths.putObject(root).put("serverRelativeURL", PREFIX + "/" + root));
      return Optional.of(list);
    }
    return path.startsWith(PREFIX + "/")
        ? Optional.ofNullable(documents.get(path.substring(PREFIX.length() + 1)))
        : Optional.empty();
  }
}
