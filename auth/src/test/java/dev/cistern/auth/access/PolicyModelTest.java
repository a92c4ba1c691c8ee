package dev.cistern.auth.access;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.stream.LongStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Random policies say what a walk over all bindings, written down as in the documents, says. */
class PolicyModelTest {
  private static final int ROUNDS = 60;
  private static final List<String> NAMESPACES = List.of("a", "b", "quay.io");
  private static final List<String> USERS = List.of("anna", "bert", "carl");
  private static final List<String> GROUPS = List.of("team", "ops", "anna");
  private static final List<String> ROLES = roles();

  private static List<String> roles() {
    var roles = new ArrayList<>(Role.builtInNames());
    roles.addAll(List.of("cleaner", "unknown"));
    return List.copyOf(roles);
  }

  static LongStream seeds() {
    return LongStream.rangeClosed(1, Long.getLong("cistern.schedules", 24));
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void allowsWhatTheBindingsSay(long seed) {
    var random = new SplittableRandom(seed);
    for (int round = 0; round < ROUNDS; round++) {
      var model = new Model(bindings(random), groups(random), defined(random));
      Policy policy = Policy.of(model.bindings, model.groups, model.defined);
      for (Principal principal : principals(random)) {
        for (Verb verb : Verb.values()) {
          String what = "seed %d, round %d: %s %s".formatted(seed, round, principal, verb);
          assertThat(policy.allowsEverywhere(principal, verb))
              .as(what)
              .isEqualTo(model.isBound(principal, verb, Optional.empty()));
          for (String namespace : NAMESPACES) {
            assertThat(policy.allows(principal, verb, namespace))
                .as("%s %s", what, namespace)
                .isEqualTo(model.allows(principal, verb, namespace));
          }
        }
      }
      for (Verb verb : Verb.values()) {
        assertThat(policy.whoCan(Set.of(verb), Optional.of("a")))
            .containsExactlyElementsOf(model.whoCan(verb, "a"));
      }
    }
  }

  /** The rules, one by one, and slow. */
  private record Model(
      List<Binding> bindings, Map<String, Set<String>> groups, Map<String, Role> defined) {
    boolean allows(Principal principal, Verb verb, String namespace) {
      return isBound(principal, verb, Optional.empty())
          || isBound(principal, verb, Optional.of(namespace))
          || (verb == Verb.PULL
              && principal.name().startsWith("system:serviceaccount:" + namespace + ":"));
    }

    boolean isBound(Principal principal, Verb verb, Optional<String> namespace) {
      return bindings.stream()
          .filter(binding -> binding.namespace().equals(namespace))
          .filter(binding -> grants(binding, verb))
          .flatMap(binding -> binding.subjects().stream())
          .anyMatch(subject -> isMeant(subject, principal));
    }

    private boolean grants(Binding binding, Verb verb) {
      Role role = Role.builtIn(binding.role()).orElse(defined.get(binding.role()));
      return role != null && role.verbs().contains(verb);
    }

    private boolean isMeant(Subject subject, Principal principal) {
      return switch (subject.kind()) {
        case USER -> principal.name().equals(subject.name());
        case GROUP ->
            principal.groups().contains(subject.name())
                || groups.getOrDefault(subject.name(), Set.of()).contains(principal.name());
      };
    }

    Set<Subject> whoCan(Verb verb, String namespace) {
      var subjects = new TreeSet<Subject>();
      for (Binding binding : bindings) {
        if (grants(binding, verb) && binding.namespace().orElse(namespace).equals(namespace)) {
          subjects.addAll(binding.subjects());
        }
      }
      if (verb == Verb.PULL) {
        subjects.add(Subject.group("system:serviceaccounts:" + namespace));
      }
      return subjects;
    }
  }

  private static List<Binding> bindings(SplittableRandom random) {
    var bindings = new ArrayList<Binding>();
    for (int i = random.nextInt(12); i > 0; i--) {
      var subjects = new ArrayList<Subject>();
      for (int j = random.nextInt(3); j >= 0; j--) {
        subjects.add(subject(random));
      }
      Optional<String> namespace =
          random.nextInt(5) == 0 ? Optional.empty() : Optional.of(one(random, NAMESPACES));
      bindings.add(new Binding(namespace, one(random, ROLES), subjects));
    }
    return bindings;
  }

  private static Subject subject(SplittableRandom random) {
    return switch (random.nextInt(6)) {
      case 0 -> Subject.group(one(random, GROUPS));
      case 1 -> Subject.group("system:serviceaccounts:" + one(random, NAMESPACES));
      case 2 ->
          Subject.group(one(random, List.of("system:authenticated", "system:unauthenticated")));
      case 3 -> Subject.serviceAccount(one(random, NAMESPACES), "default");
      case 4 -> Subject.user("system:anonymous");
      default -> Subject.user(one(random, USERS));
    };
  }

  private static Map<String, Set<String>> groups(SplittableRandom random) {
    var groups = new HashMap<String, Set<String>>();
    for (String group : GROUPS) {
      var users = new HashSet<>(USERS);
      users.removeIf(user -> random.nextBoolean());
      groups.put(group, users);
    }
    return groups;
  }

  private static Map<String, Role> defined(SplittableRandom random) {
    var verbs = EnumSet.allOf(Verb.class);
    verbs.removeIf(verb -> random.nextBoolean());
    return random.nextBoolean() ? Map.of("cleaner", new Role("cleaner", verbs)) : Map.of();
  }

  private static List<Principal> principals(SplittableRandom random) {
    return List.of(
        Principal.ANONYMOUS,
        Principal.user(one(random, USERS)),
        Principal.user("dora").with(Set.of(one(random, GROUPS))),
        Principal.serviceAccount(one(random, NAMESPACES), "default"),
        Principal.serviceAccount(one(random, NAMESPACES), "builder"));
  }

  private static <T> T one(SplittableRandom random, List<T> choices) {
    return choices.get(random.nextInt(choices.size()));
  }
}
