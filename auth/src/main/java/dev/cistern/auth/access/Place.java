package dev.cistern.auth.access;

import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

/** The permissions of users and groups everywhere, or in one namespace. */
final class Place {
  /** No permissions for any subject. */
  static final Place EMPTY = new Place();

  private final Map<String, Set<Verb>> ofUsers = new HashMap<>();
  private final Map<String, Set<Verb>> ofGroups = new HashMap<>();
  private final Map<Subject, List<ImpersonationRule>> impersonations = new HashMap<>();

  /** Adds the permissions of a role. Called only while a {@link Policy} is created. */
  void add(Subject subject, Role role) {
    var names = subject.kind() == Subject.Kind.USER ? ofUsers : ofGroups;
    names.computeIfAbsent(subject.name(), name -> EnumSet.noneOf(Verb.class)).addAll(role.verbs());
    if (!role.impersonations().isEmpty()) {
      impersonations
          .computeIfAbsent(subject, key -> new ArrayList<>())
          .addAll(role.impersonations());
    }
  }

  /** Returns whether one of these subjects may act as {@code target}. */
  boolean allowsImpersonation(Collection<Subject> subjects, ImpersonationTarget target) {
    return subjects.stream()
        .flatMap(subject -> impersonations.getOrDefault(subject, List.of()).stream())
        .anyMatch(rule -> rule.covers(target));
  }

  boolean allowsUser(String name, Verb verb) {
    return ofUsers.getOrDefault(name, Set.of()).contains(verb);
  }

  boolean allowsGroup(Collection<String> names, Verb verb) {
    if (ofGroups.isEmpty()) {
      return false;
    }
    for (String name : names) {
      if (ofGroups.getOrDefault(name, Set.of()).contains(verb)) {
        return true;
      }
    }
    return false;
  }

  void forEachWith(Verb verb, Consumer<Subject> taker) {
    ofUsers.forEach((name, verbs) -> {
      if (verbs.contains(verb)) {
        taker.accept(Subject.user(name));
      }
    });
    ofGroups.forEach((name, verbs) -> {
      if (verbs.contains(verb)) {
        taker.accept(Subject.group(name));
      }
    });
  }
}
