package dev.cistern.server.config;

import dev.cistern.auth.access.Role;
import dev.cistern.auth.access.Verb;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The bindings, groups and roles of RBAC objects.
 *
 * @param groups user names by group name
 * @param roles roles by name; a Role of a namespace is called {@code NAMESPACE/NAME}
 */
public record AccessRules(
    List<NamedBinding> bindings, Map<String, Set<String>> groups, Map<String, Role> roles) {
  /** No rules, so that nothing is permitted. */
  public static final AccessRules NONE = new AccessRules(List.of(), Map.of(), Map.of());

  public AccessRules {
    bindings = List.copyOf(bindings);
    groups = Map.copyOf(groups);
    roles = Map.copyOf(roles);
  }

  /**
   * Returns these rules and the others. If both have a role of one name, the other one is taken.
   */
  public AccessRules and(AccessRules others) {
    var allGroups = new TreeMap<>(groups);
    others.groups.forEach((group, users) -> {
      var members = new TreeSet<>(allGroups.getOrDefault(group, Set.of()));
      members.addAll(users);
      allGroups.put(group, members);
    });
    var allRoles = new TreeMap<>(roles);
    allRoles.putAll(others.roles);
    var allBindings = new ArrayList<>(bindings);
    allBindings.addAll(others.bindings);
    return new AccessRules(allBindings, allGroups, allRoles);
  }

  /**
   * Returns the verbs of this server that a verb of a Kubernetes role grants.
   *
   * @param resource such as {@code imagestreams/layers}, or {@code *}
   * @param word such as {@code get}, or {@code *}
   * @return empty if the resource is not about images
   */
  public static Set<Verb> verbs(String resource, String word) {
    return AccessObjects.verbs(resource, word);
  }
}
