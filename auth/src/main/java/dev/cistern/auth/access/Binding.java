package dev.cistern.auth.access;

import dev.cistern.oci.Texts;
import java.util.List;
import java.util.Optional;

/**
 * Grant of a role to subjects.
 *
 * @param namespace the namespace that it applies to; empty for everywhere
 * @param role the name of the role
 */
public record Binding(Optional<String> namespace, String role, List<Subject> subjects) {

  /**
   * @throws AccessException if the namespace or role name is invalid
   */
  public Binding {
    if (namespace.isPresent() && !Names.isNamespace(namespace.get())) {
      throw new AccessException(
          "not a namespace: "
              + Texts.shown(namespace.get())
              + ": it is the first component of a repository's name, such as project-a or quay.io");
    }
    Names.checked("name of a role", role);
    subjects = List.copyOf(subjects);
  }
}
