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
 * What objects say about who may do what.
 *
 * @param groups the names of their users by the names of groups
 * @param roles by their names; a Role of a namespace is called {@code NAMESPACE/NAME}
 */
public record AccessRules(
    List<NamedBinding> bindings, Map<String, Set<String>> groups, Map<String, Role> roles) {
  /** Nobody may do anything. */
  public static final AccessRules NONE = new AccessRules(List.of(), Map.of(), Map.of());

  public AccessRules {
    bindings = List.copyOf(bindings);
    groups = Map.copyOf(groups);
    roles = Map.copyOf(roles);
  }

  /** Returns these rules and the others. Of a role that both have, the other is taken. */
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
   * Returns what a word of a cluster's roles allows here.
   *
   * @param resource such as {@code imagestreams/layers}, or {@code *}
   * @param word such as {@code get}, or {@code *}
   * @return nothing if it is not about images
   */
  public static Set<Verb> verbs(String resource, String word) {
    return AccessObjects.verbs(resource, word);
  }
}
