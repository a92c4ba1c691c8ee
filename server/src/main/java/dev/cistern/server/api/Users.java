package dev.cistern.server.api;

import dev.cistern.server.objects.ApiException;
import dev.cistern.server.objects.Meta;
import dev.cistern.server.objects.ResourceType;
import tools.jackson.databind.node.ObjectNode;

/** The resource {@code users/~}: the caller. */
final class Users implements Resource.Gets {
  private static final ResourceType TYPE =
      ResourceType.ofCluster("user.openshift.io", "v1", "users", "User");
  private static final String SELF = "~";

  @Override
  public ResourceType type() {
    return TYPE;
  }

  @Override
  public Access access() {
    return Access.OWN;
  }

  @Override
  public ObjectNode get(Call call) {
    String self = call.caller().principal().name();
    if (!call.requiredName().equals(SELF) && !call.requiredName().equals(self)) {
      throw ApiException.notFound(TYPE, call.requiredName());
    }
    ObjectNode user = Meta.empty(TYPE);
    ObjectNode metadata = user.putObject("metadata").put("name", self);
    call.caller()
        .impersonation()
        .filter(acting -> !acting.uid().isEmpty())
        .ifPresent(acting -> metadata.put("uid", acting.uid()));
    user.putArray("identities");
    var groups = user.putArray("groups");
    call.caller().principal().groups().stream().sorted().forEach(groups::add);
    return user;
  }
}
