package dev.cistern.server.config;

import dev.cistern.auth.access.Binding;
import dev.cistern.auth.access.Role;
import java.util.ArrayList;
import java.util.Collection;
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
    List<Binding> bindings, Map<String, Set<String>> groups, Map<String, Role> roles) {
  /** Nobody may do anything. */
  public static final AccessRules NONE = new AccessRules(List.of(), Map.of(), Map.of());

  public AccessRules {
    bindings = List.copyOf(bindings);
    groups = Map.copyOf(groups);
    roles = Map.copyOf(roles);
  }

  /** Returns these rules and the others. Of a role that both have, the other is taken. */
  AccessRules and(AccessRules others) {
    var allGroups = new TreeMap<>(groups);
    others.groups.forEach((group, users) -> {
      var members = new TreeSet<>(allGroups.getOrDefault(group, Set.of()));
      members.addAll(users);
      allGroups.put(group, members);
    });
    var allRoles = new TreeMap<>(roles);
    allRoles.putAll(others.roles);
    return with(others.bindings).with(allGroups, allRoles);
  }

  /** Returns these rules and more bindings. */
  public AccessRules with(Collection<Binding> more) {
    var all = new ArrayList<>(bindings);
    all.addAll(more);
    return new AccessRules(all, groups, roles);
  }

  private AccessRules with(Map<String, Set<String>> allGroups, Map<String, Role> allRoles) {
    return new AccessRules(bindings, allGroups, allRoles);
  }
}
