package dev.cistern.server.api;

import dev.cistern.server.objects.ResourceType;
import java.util.List;
import java.util.stream.Stream;
import tools.jackson.databind.node.ObjectNode;

/**
 * A kind of a cluster that does not exist in Cistern. Clients that prune or describe images list
 * these kinds to find uses of an image, and receive empty lists.
 */
record Workloads(ResourceType type) implements Resource.Shows {
  /** Returns all kinds that such clients list. */
  static Stream<Resource> all() {
    return Stream.of(
            ResourceType.namespaced("", "v1", "pods", "Pod", "po"),
            ResourceType.namespaced(
                "", "v1", "replicationcontrollers", "ReplicationController", "rc"),
            ResourceType.namespaced("", "v1", "limitranges", "LimitRange", "limits"),
            ResourceType.namespaced("apps", "v1", "daemonsets", "DaemonSet", "ds"),
            ResourceType.namespaced("apps", "v1", "deployments", "Deployment", "deploy"),
            ResourceType.namespaced("apps", "v1", "replicasets", "ReplicaSet", "rs"),
            ResourceType.namespaced("apps", "v1", "statefulsets", "StatefulSet", "sts"),
            ResourceType.namespaced("batch", "v1", "cronjobs", "CronJob", "cj"),
            ResourceType.namespaced("batch", "v1", "jobs", "Job"),
            ResourceType.namespaced(
                "apps.openshift.io", "v1", "deploymentconfigs", "DeploymentConfig", "dc"),
            ResourceType.namespaced(
                "build.openshift.io", "v1", "buildconfigs", "BuildConfig", "bc"),
            ResourceType.namespaced("build.openshift.io", "v1", "builds", "Build"))
        .map(Workloads::new);
  }

  @Override
  public ResourceType stored() {
    return type;
  }

  @Override
  public Access access() {
    return Access.SEEN;
  }

  @Override
  public List<Column> columns() {
    return Column.USUAL;
  }

  @Override
  public Stream<ObjectNode> views(ObjectNode stored, Call call) {
    return Stream.empty();
  }
}
