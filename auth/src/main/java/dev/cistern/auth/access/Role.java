package dev.cistern.auth.access;

import static dev.cistern.auth.access.Verb.CREATE;
import static dev.cistern.auth.access.Verb.IMPORT;
import static dev.cistern.auth.access.Verb.OVERWRITE;
import static dev.cistern.auth.access.Verb.PULL;
import static dev.cistern.auth.access.Verb.READ;

import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * A named set of verbs, which a {@link Binding} grants.
 *
 * @param impersonations the users, groups and accounts that its subjects may act as
 */
public record Role(String name, Set<Verb> verbs, List<ImpersonationRule> impersonations) {
  static final String IMAGE_PULLER = "system:image-puller";

  private static final String CLUSTER_ADMIN = "cluster-admin";

  private static final Map<String, Role> BUILT_IN = builtIn();

  /**
   * @throws AccessException if the name is invalid
   */
  public Role {
    Names.checked("name of a role", name);
    verbs = Set.copyOf(verbs);
    impersonations = List.copyOf(impersonations);
  }

  /** Returns a role that grants no impersonation. */
  public Role(String name, Set<Verb> verbs) {
    this(name, verbs, List.of());
  }

  /** Returns the built-in role of this name. */
  public static Optional<Role> builtIn(String name) {
    return Optional.ofNullable(BUILT_IN.get(name));
  }

  /** Returns the names of the built-in roles. */
  public static SortedSet<String> builtInNames() {
    return new TreeSet<>(BUILT_IN.keySet());
  }

  private static Map<String, Role> builtIn() {
    var roles = new TreeMap<String, Role>();
    add(roles, IMAGE_PULLER, EnumSet.of(PULL));
    add(roles, "system:image-pusher", EnumSet.of(PULL, CREATE, OVERWRITE));
    add(roles, "system:image-builder", EnumSet.of(PULL, CREATE, OVERWRITE, IMPORT));
    add(roles, "registry-viewer", EnumSet.of(READ));
    add(roles, "registry-editor", EnumSet.of(READ, PULL, CREATE, OVERWRITE, IMPORT));
    add(roles, "registry-admin", EnumSet.allOf(Verb.class));
    roles.put(
        CLUSTER_ADMIN,
        new Role(CLUSTER_ADMIN, EnumSet.allOf(Verb.class), List.of(ImpersonationRule.EVERYTHING)));
    return roles;
  }

  private static void add(Map<String, Role> roles, String name, Set<Verb> verbs) {
    roles.put(name, new Role(name, verbs));
  }
}
