package dev.cistern.server.access;

import dev.cistern.auth.access.Grant;
import dev.cistern.auth.access.Verb;
import java.util.Set;

/**
 * The actions in token scopes that stand for verbs (token scope documentation of the distribution
 * project).
 */
final class Actions {
  static final String REPOSITORY = "repository";
  static final String REGISTRY = "registry";
  static final String ALL = "*";

  private Actions() {}

  static String of(Verb verb) {
    return switch (verb) {
      case PULL -> "pull";
      case CREATE, OVERWRITE -> "push";
      case DELETE -> "delete";
      case READ -> "read";
      case IMPORT -> "import";
      case ADMINISTER -> "administer";
    };
  }

  /**
   * Returns whether a grant is {@code registry:admin:*}, for requests beyond a single repository.
   */
  static boolean isForOrders(Grant grant) {
    return isForRegistry(grant, "admin");
  }

  /** Returns whether a grant is {@code registry:catalog:*}, for the list of repositories. */
  static boolean isForCatalog(Grant grant) {
    return isForRegistry(grant, "catalog");
  }

  private static boolean isForRegistry(Grant grant, String name) {
    return grant.type().equals(REGISTRY)
        && grant.name().equals(name)
        && grant.actions().contains(ALL);
  }

  /**
   * Returns the verbs that an action stands for. One of them is enough for the action to be
   * granted.
   */
  static Set<Verb> verbs(String action) {
    return switch (action) {
      case "pull" -> Set.of(Verb.PULL);
      case "push" -> Set.of(Verb.CREATE, Verb.OVERWRITE);
      case "delete" -> Set.of(Verb.DELETE);
      default -> Set.of();
    };
  }

  /** Returns the least privileged role that grants a verb. */
  static String role(Verb verb) {
    return switch (verb) {
      case PULL -> "system:image-puller";
      case CREATE, OVERWRITE -> "system:image-pusher";
      case DELETE -> "registry-admin";
      case READ -> "registry-viewer";
      case IMPORT -> "registry-editor";
      case ADMINISTER -> "cluster-admin";
    };
  }
}
