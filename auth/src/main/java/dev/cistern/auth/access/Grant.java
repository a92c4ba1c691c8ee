package dev.cistern.auth.access;

import java.util.Set;

/**
 * What a token is for: actions on something, as {@code access} of the distribution project's token
 * specification has it.
 *
 * @param type {@code repository} or {@code registry}
 */
public record Grant(String type, String name, Set<String> actions) {
  public Grant {
    actions = Set.copyOf(actions);
  }
}
