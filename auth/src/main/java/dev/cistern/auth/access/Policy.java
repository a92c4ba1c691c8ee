package dev.cistern.auth.access;

import dev.cistern.oci.Texts;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * The permissions of users and groups, by bindings, groups and roles as they were at one moment.
 * Immutable; a check takes a few lookups in memory and may run on an event loop.
 *
 * <p>In each namespace, the service accounts of that namespace implicitly have {@code
 * system:image-puller}.
 */
public final class Policy {
  private static final Set<Verb> CHANGES =
      EnumSet.of(Verb.CREATE, Verb.OVERWRITE, Verb.DELETE, Verb.IMPORT, Verb.ADMINISTER);

  private final Place everywhere = new Place();
  private final Map<String, Place> namespaces = new HashMap<>();
  private final Map<String, Set<String>> groupsOfUsers;
  private final Set<String> roles;
  private final List<String> problems;
  private boolean isAnonymousChange; // set once, while the policy is created

  private Policy(Map<String, Set<String>> groupsOfUsers, Set<String> roles, List<String> problems) {
    this.groupsOfUsers = groupsOfUsers;
    this.roles = roles;
    this.problems = problems;
  }

  /**
   * Returns the policy of these bindings. Invalid parts grant nothing and are reported as {@link
   * #problems}.
   *
   * @param groups the names of the users of each group, by group name; groups whose name begins
   *     with {@code system:} have no list
   * @param roles the roles by name, besides the built-in ones, which cannot be redefined
   */
  public static Policy of(
      Collection<Binding> bindings, Map<String, Set<String>> groups, Map<String, Role> roles) {
    var problems = new ArrayList<String>();
    var known = new TreeSet<>(Role.builtInNames());
    var policy = new Policy(groupsOfUsers(groups, problems), known, problems);
    roles
        .keySet()
        .forEach(name -> {
          if (!known.add(name)) {
            problems.add("role " + Texts.shown(name) + " is built in and stays as it is");
          }
        });
    for (Binding binding : bindings) {
      Optional<Role> role =
          Role.builtIn(binding.role()).or(() -> Optional.ofNullable(roles.get(binding.role())));
      if (role.isPresent()) {
        policy.add(binding, role.get());
      } else {
        problems.add(unknownRole(binding, known));
      }
    }
    policy.isAnonymousChange = policy.allowsChanges(Principal.ANONYMOUS);
    return policy;
  }

  private static Map<String, Set<String>> groupsOfUsers(
      Map<String, Set<String>> groups, List<String> problems) {
    var byUser = new HashMap<String, Set<String>>();
    groups.forEach((group, users) -> {
      if (Names.isReserved(group)) {
        problems.add(
            "group "
                + Texts.shown(group)
                + " has no list of users: who is in a group of system: follows from the name");
      } else {
        users.forEach(user -> byUser.computeIfAbsent(user, u -> new HashSet<>()).add(group));
      }
    });
    return byUser;
  }

  private void add(Binding binding, Role role) {
    Place place =
        binding
            .namespace()
            .map(name -> namespaces.computeIfAbsent(name, n -> new Place()))
            .orElse(everywhere);
    binding.subjects().forEach(subject -> place.add(subject, role));
  }

  private static String unknownRole(Binding binding, Set<String> known) {
    return "the binding of role "
        + Texts.shown(binding.role())
        + binding.namespace().map(name -> " in namespace " + name).orElse(" everywhere")
        + " grants nothing: there is no such role; there are "
        + String.join(", ", known);
  }

  /** Returns whether a principal may do this with the images of a namespace. */
  public boolean allows(Principal principal, Verb verb, String namespace) {
    return (verb == Verb.PULL
            && principal.groups().contains(Principal.serviceAccountsOf(namespace)))
        || isAllowedAt(namespaces.getOrDefault(namespace, Place.EMPTY), principal, verb)
        || allowsEverywhere(principal, verb);
  }

  /** Returns whether a principal may do this in all namespaces, including future ones. */
  public boolean allowsEverywhere(Principal principal, Verb verb) {
    return isAllowedAt(everywhere, principal, verb);
  }

  /** Returns whether clients without credentials may change something, in any namespace. */
  public boolean allowsAnonymousChanges() {
    return isAnonymousChange;
  }

  private boolean allowsChanges(Principal principal) {
    return CHANGES.stream()
        .anyMatch(verb ->
            allowsEverywhere(principal, verb)
                || namespaces.values().stream()
                    .anyMatch(place -> isAllowedAt(place, principal, verb)));
  }

  private boolean isAllowedAt(Place place, Principal principal, Verb verb) {
    return place.allowsUser(principal.name(), verb)
        || place.allowsGroup(principal.groups(), verb)
        || place.allowsGroup(listedGroups(principal), verb);
  }

  /** Returns the groups whose Group objects list a principal. */
  private Set<String> listedGroups(Principal principal) {
    return principal.hasAllGroups()
        ? Set.of()
        : groupsOfUsers.getOrDefault(principal.name(), Set.of());
  }

  /** Returns whether a principal may act as a user, in a group, with a UID or an extra value. */
  public boolean allowsImpersonation(Principal principal, ImpersonationTarget target) {
    var subjects = new ArrayList<Subject>();
    subjects.add(Subject.user(principal.name()));
    principal.groups().forEach(group -> subjects.add(Subject.group(group)));
    listedGroups(principal).forEach(group -> subjects.add(Subject.group(group)));
    return everywhere.allowsImpersonation(subjects, target)
        || target
            .namespace()
            .map(name -> namespaces.getOrDefault(name, Place.EMPTY))
            .filter(place -> place.allowsImpersonation(subjects, target))
            .isPresent();
  }

  /**
   * Returns the users and groups that may do all of this in a namespace, or everywhere. Groups are
   * not expanded to their users.
   *
   * @param verbs one or more
   * @param namespace empty for everywhere
   */
  public SortedSet<Subject> whoCan(Set<Verb> verbs, Optional<String> namespace) {
    return verbs.stream()
        .map(verb -> whoCan(verb, namespace))
        .reduce((some, others) -> {
          some.retainAll(others);
          return some;
        })
        .orElseThrow();
  }

  private SortedSet<Subject> whoCan(Verb verb, Optional<String> namespace) {
    var subjects = new TreeSet<Subject>();
    everywhere.forEachWith(verb, subjects::add);
    namespace.ifPresent(name -> {
      namespaces.getOrDefault(name, Place.EMPTY).forEachWith(verb, subjects::add);
      if (verb == Verb.PULL) {
        subjects.add(Subject.group(Principal.serviceAccountsOf(name)));
      }
    });
    return subjects;
  }

  /**
   * Returns the sorted names of all roles; that of a namespace's Role is {@code NAMESPACE/NAME}.
   */
  public List<String> roles() {
    return List.copyOf(roles);
  }

  /** Returns the problems of bindings, groups and roles that therefore grant nothing. */
  public List<String> problems() {
    return List.copyOf(problems);
  }
}
