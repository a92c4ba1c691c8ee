package dev.cistern.server.api;

import dev.cistern.server.objects.Enforcement;
import dev.cistern.server.objects.Kinds;
import dev.cistern.server.objects.ResourceType;
import dev.cistern.server.streams.StreamImages;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;

/** The resources that the API serves. */
final class ApiResources {
  private ApiResources() {}

  /** Returns one resource for each kind of object, in the order of discovery. */
  static List<Resource> all(ApiParts parts) {
    var resources = new ArrayList<Resource>();
    StoredResource namespaces =
        stored(
            parts,
            Kinds.NAMESPACE,
            Resource.Access.SEEN,
            List.of(
                Column.ofName(),
                Column.of(
                    "Status",
                    "Its phase.",
                    object -> object.path("status").path("phase").asString("")),
                age()),
            namespace -> namespace.putObject("status").put("phase", "Active"));
    resources.add(namespaces);
    resources.add(new Projects(parts.objects(), parts.gate()));
    resources.add(new ProjectRequests(namespaces));
    resources.addAll(streams(parts));
    resources.add(
        stored(
            parts,
            Kinds.SECRET,
            Resource.Access.ADMINISTRATORS,
            List.of(
                Column.ofName(),
                Column.of("Type", "What it is for.", object -> object.path("type").asString("")),
                Column.of(
                    "Data", "How many values it has.", object -> "" + object.path("data").size()),
                age()),
            new CheckedKind(Kinds.SECRET, parts.rules())));
    resources.add(
        stored(
            parts,
            Kinds.SERVICE_ACCOUNT,
            Resource.Access.SEEN,
            List.of(
                Column.ofName(),
                Column.of(
                    "Secrets", "How many it has.", object -> "" + object.path("secrets").size()),
                age()),
            StoredResource.Kind.PLAIN));
    for (ResourceType type :
        List.of(Kinds.DIGEST_MIRROR_SET, Kinds.TAG_MIRROR_SET, Kinds.CONTENT_SOURCE_POLICY)) {
      resources.add(checked(parts, type, Resource.Access.SEEN, parts.rules()));
    }
    for (ResourceType type :
        List.of(
            Kinds.ROLE_BINDING,
            Kinds.CLUSTER_ROLE_BINDING,
            Kinds.ROLE,
            Kinds.CLUSTER_ROLE,
            Kinds.GROUP)) {
      resources.add(checked(parts, type, Resource.Access.ADMINISTRATORS, parts.access()));
    }
    resources.add(new ServiceAccountTokens(parts.gate(), parts.objects(), parts.clock()));
    resources.add(new Users());
    resources.addAll(Reviews.all(parts.gate()).toList());
    resources.addAll(Workloads.all().toList());
    return resources;
  }

  private static List<Resource> streams(ApiParts parts) {
    var views = new StreamViews(parts.objects());
    return List.of(
        new ImageStreams(
            parts.streams(), parts.editor(), parts.completeness(), parts.gate(), parts.clock()),
        new ImageStreamStatus(parts.editor()),
        new ImageStreamTags(
            false, parts.streams(), parts.editor(), views, parts.gate(), parts.clock()),
        new ImageStreamTags(
            true, parts.streams(), parts.editor(), views, parts.gate(), parts.clock()),
        new ImageStreamImages(parts.streams(), new StreamImages(parts.objects()), views),
        new ImageStreamImports(parts.importer()),
        new Images(parts.objects(), parts.pruner()));
  }

  private static StoredResource checked(
      ApiParts parts, ResourceType type, Resource.Access access, Enforcement enforcement) {
    List<Column> columns =
        type.kind().endsWith("Binding")
            ? List.of(
                Column.ofName(), Column.of("Role", "What it grants.", ApiResources::role), age())
            : Column.USUAL;
    return stored(parts, type, access, columns, new CheckedKind(type, enforcement));
  }

  private static String role(JsonNode binding) {
    JsonNode role = binding.path("roleRef");
    return role.path("kind").asString("") + "/" + role.path("name").asString("");
  }

  private static StoredResource stored(
      ApiParts parts,
      ResourceType type,
      Resource.Access access,
      List<Column> columns,
      StoredResource.Kind kind) {
    return new StoredResource(type, access, parts.objects(), columns, kind);
  }

  private static Column age() {
    return Column.age();
  }
}
