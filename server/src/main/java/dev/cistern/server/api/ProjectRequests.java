package dev.cistern.server.api;

import dev.cistern.server.objects.Kinds;
import dev.cistern.server.objects.Meta;
import dev.cistern.server.objects.ResourceType;
import java.io.IOException;
import tools.jackson.databind.node.ObjectNode;

/** The resource {@code projectrequests}, with which {@code oc new-project} creates a namespace. */
final class ProjectRequests implements Resource.Creates, Resource.Answers {
  private static final ResourceType TYPE =
      ResourceType.ofCluster("project.openshift.io", "v1", "projectrequests", "ProjectRequest");
  private static final ResourceType PROJECT =
      ResourceType.ofCluster("project.openshift.io", "v1", "projects", "Project");

  private final StoredResource namespaces;

  ProjectRequests(StoredResource namespaces) {
    this.namespaces = namespaces;
  }

  @Override
  public ResourceType type() {
    return TYPE;
  }

  @Override
  public Access access() {
    return Access.ADMINISTRATORS;
  }

  /** Returns a success, which tells a permitted caller that it may request projects. */
  @Override
  public ObjectNode answer(Call call) {
    ObjectNode status = Api.success(TYPE, "", "");
    status.remove("details");
    return status;
  }

  @Override
  public ObjectNode create(Call call, ObjectNode request) throws IOException {
    ObjectNode namespace = Meta.empty(Kinds.NAMESPACE);
    ObjectNode metadata = namespace.putObject("metadata").put("name", Meta.name(request));
    ObjectNode annotations = metadata.putObject("annotations");
    for (String key : new String[] {"displayName", "description"}) {
      String text = request.path(key).asString("");
      if (!text.isEmpty()) {
        annotations.put(
            key.equals("displayName") ? "openshift.io/display-name" : "openshift.io/description",
            text);
      }
    }
    return Meta.ordered(PROJECT, namespaces.create(call, namespace));
  }
}
