package dev.cistern.auth.access;

import java.util.Set;

/**
 * Actions on a resource that a token permits, as in the {@code access} claim of the distribution
 * project's token specification.
 *
 * @param type {@code repository} or {@code registry}
 */
public record Grant(String type, String name, Set<String> actions) {
  public Grant {
    actions = Set.copyOf(actions);
  }
}
