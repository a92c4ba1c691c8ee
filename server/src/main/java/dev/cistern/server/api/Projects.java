package dev.cistern.server.api;

import dev.cistern.auth.access.Verb;
import dev.cistern.server.access.Gate;
import dev.cistern.server.objects.ApiException;
import dev.cistern.server.objects.ClusterObjects;
import dev.cistern.server.objects.Kinds;
import dev.cistern.server.objects.Meta;
import dev.cistern.server.objects.ResourceType;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** The resource {@code projects}: the namespaces that the caller may read. */
final class Projects implements Resource.Gets, Resource.Shows {
  private static final ResourceType TYPE =
      ResourceType.ofCluster("project.openshift.io", "v1", "projects", "Project");

  private final ClusterObjects objects;
  private final Gate gate;

  Projects(ClusterObjects objects, Gate gate) {
    this.objects = objects;
    this.gate = gate;
  }

  @Override
  public ResourceType type() {
    return TYPE;
  }

  @Override
  public ResourceType stored() {
    return Kinds.NAMESPACE;
  }

  @Override
  public Access access() {
    return Access.OWN;
  }

  @Override
  public List<Column> columns() {
    return List.of(
        Column.ofName(),
        Column.of(
            "Display Name",
            "How people call it.",
            project ->
                Meta.map(project, "annotations").getOrDefault("openshift.io/display-name", "")),
        Column.of(
            "Status", "Its phase.", project -> project.path("status").path("phase").asString("")));
  }

  @Override
  public Stream<ObjectNode> views(ObjectNode stored, Call call) {
    return Stream.of(Meta.ordered(TYPE, stored));
  }

  @Override
  public boolean hidesSome() {
    return true;
  }

  @Override
  public boolean isShown(JsonNode object, Call call) {
    return gate.allowsApi(call.caller(), Verb.READ, Optional.of(Meta.name(object)));
  }

  @Override
  public ObjectNode get(Call call) {
    Optional<ObjectNode> namespace = objects.get(Kinds.NAMESPACE, "", call.requiredName());
    boolean mayKnow = gate.allowsApi(call.caller(), Verb.READ, Optional.of(call.requiredName()));
    if (!mayKnow) {
      throw ApiException.forbidden(
          TYPE,
          call.requiredName(),
          "User \"%s\" cannot get resource \"projects\" in API group \"%s\" in the namespace \"%s\""
              .formatted(call.caller().principal(), TYPE.group(), call.requiredName()));
    }
    return Meta.ordered(
        TYPE, namespace.orElseThrow(() -> ApiException.notFound(TYPE, call.requiredName())));
  }
}
