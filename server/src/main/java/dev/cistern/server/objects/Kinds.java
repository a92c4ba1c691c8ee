package dev.cistern.server.objects;

import static dev.cistern.server.objects.ResourceType.namespaced;
import static dev.cistern.server.objects.ResourceType.ofCluster;

import java.util.List;
import java.util.Optional;

/** The kinds of objects of this server. */
public final class Kinds {
  private static final String CORE = "";
  private static final String RBAC = "rbac.authorization.k8s.io";
  private static final String IMAGES = "image.openshift.io";
  private static final String CONFIG = "config.openshift.io";

  public static final ResourceType NAMESPACE =
      ofCluster(CORE, "v1", "namespaces", "Namespace", "ns");
  public static final ResourceType SECRET = namespaced(CORE, "v1", "secrets", "Secret");
  public static final ResourceType SERVICE_ACCOUNT =
      namespaced(CORE, "v1", "serviceaccounts", "ServiceAccount", "sa");

  public static final ResourceType ROLE_BINDING =
      namespaced(RBAC, "v1", "rolebindings", "RoleBinding");
  public static final ResourceType CLUSTER_ROLE_BINDING =
      ofCluster(RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding");
  public static final ResourceType ROLE = namespaced(RBAC, "v1", "roles", "Role");
  public static final ResourceType CLUSTER_ROLE =
      ofCluster(RBAC, "v1", "clusterroles", "ClusterRole");
  public static final ResourceType GROUP = ofCluster("user.openshift.io", "v1", "groups", "Group");

  public static final ResourceType DIGEST_MIRROR_SET =
      ofCluster(CONFIG, "v1", "imagedigestmirrorsets", "ImageDigestMirrorSet", "idms");
  public static final ResourceType TAG_MIRROR_SET =
      ofCluster(CONFIG, "v1", "imagetagmirrorsets", "ImageTagMirrorSet", "itms");
  public static final ResourceType CONTENT_SOURCE_POLICY =
      ofCluster(
          "operator.openshift.io",
          "v1alpha1",
          "imagecontentsourcepolicies",
          "ImageContentSourcePolicy");

  public static final ResourceType IMAGE = ofCluster(IMAGES, "v1", "images", "Image");
  public static final ResourceType IMAGE_STREAM =
      namespaced(IMAGES, "v1", "imagestreams", "ImageStream", "is");

  /** The kinds that have namespaces and are stored. */
  static final List<ResourceType> NAMESPACED =
      List.of(SECRET, SERVICE_ACCOUNT, ROLE_BINDING, ROLE, IMAGE_STREAM);

  /** The kinds that files may contain. */
  private static final List<ResourceType> OF_FILES =
      List.of(
          SECRET,
          ROLE_BINDING,
          CLUSTER_ROLE_BINDING,
          ROLE,
          CLUSTER_ROLE,
          GROUP,
          DIGEST_MIRROR_SET,
          TAG_MIRROR_SET,
          CONTENT_SOURCE_POLICY);

  private Kinds() {}

  /** Returns the type of a kind that files may contain. */
  public static Optional<ResourceType> of(String kind) {
    return OF_FILES.stream().filter(type -> type.kind().equals(kind)).findFirst();
  }
}
