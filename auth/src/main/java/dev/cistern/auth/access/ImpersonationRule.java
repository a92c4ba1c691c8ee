package dev.cistern.auth.access;

import java.util.Set;

/**
 * A rule of a role that grants the verb {@code impersonate}.
 *
 * @param groups the API groups; {@code *} for all
 * @param resources the resources, such as {@code users}; {@code *} for all, {@code userextras/*}
 *     for all keys
 * @param names the names that may be impersonated; empty for all
 */
public record ImpersonationRule(Set<String> groups, Set<String> resources, Set<String> names) {
  private static final String ALL = "*";

  /** The rule that grants every impersonation. */
  static final ImpersonationRule EVERYTHING =
      new ImpersonationRule(Set.of(ALL), Set.of(ALL), Set.of());

  public ImpersonationRule {
    groups = Set.copyOf(groups);
    resources = Set.copyOf(resources);
    names = Set.copyOf(names);
  }

  boolean covers(ImpersonationTarget target) {
    return (groups.contains(ALL) || groups.contains(target.group()))
        && coversResource(target.resource())
        && (names.isEmpty() || names.contains(target.name()));
  }

  private boolean coversResource(String resource) {
    int slash = resource.indexOf('/');
    return resources.contains(ALL)
        || resources.contains(resource)
        || (slash > 0
            && (resources.contains(resource.substring(0, slash + 1) + ALL)
                || resources.contains(ALL + resource.substring(slash))));
  }
}
