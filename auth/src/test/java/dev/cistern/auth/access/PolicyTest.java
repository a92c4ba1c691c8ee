package dev.cistern.auth.access;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PolicyTest {
  private static final Principal ANNA = Principal.user("anna");
  private static final Principal DEFAULT_OF_A = Principal.serviceAccount("project-a", "default");
  private static final Principal BUILDER_OF_A = Principal.serviceAccount("project-a", "builder");

  @Test
  void withoutBindingsNobodyMayDoAnything() {
    Policy policy = policy();
    for (Verb verb : Verb.values()) {
      assertThat(policy.allows(ANNA, verb, "project-a")).isFalse();
      assertThat(policy.allows(Principal.ANONYMOUS, verb, "project-a")).isFalse();
      assertThat(policy.allowsEverywhere(ANNA, verb)).isFalse();
    }
  }

  @Test
  void aNamespacesServiceAccountsPullFromIt() {
    Policy policy = policy();
    assertThat(policy.allows(DEFAULT_OF_A, Verb.PULL, "project-a")).isTrue();
    assertThat(policy.allows(DEFAULT_OF_A, Verb.CREATE, "project-a")).isFalse();
    assertThat(policy.allows(DEFAULT_OF_A, Verb.PULL, "project-b")).isFalse();
    assertThat(policy.allows(DEFAULT_OF_A, Verb.PULL, "project")).isFalse();
    assertThat(policy.allowsEverywhere(DEFAULT_OF_A, Verb.PULL)).isFalse();
  }

  /** The example of OpenShift's documentation, "Cross-project access". */
  @Test
  void aServiceAccountPullsFromAnotherProjectOnceItIsBoundThere() {
    Policy policy =
        policy(
            in(
                "project-b",
                "system:image-puller",
                Subject.user("system:serviceaccount:project-a:default")));
    assertThat(policy.allows(DEFAULT_OF_A, Verb.PULL, "project-b")).isTrue();
    assertThat(policy.allows(DEFAULT_OF_A, Verb.CREATE, "project-b")).isFalse();
    assertThat(policy.allows(BUILDER_OF_A, Verb.PULL, "project-b")).isFalse();
    assertThat(policy.allows(DEFAULT_OF_A, Verb.PULL, "project-c")).isFalse();
  }

  @Test
  void allServiceAccountsOfAProjectPullFromAnotherOnceTheirGroupIsBoundThere() {
    Policy policy =
        policy(
            in(
                "project-b",
                "system:image-puller",
                Subject.group("system:serviceaccounts:project-a")));
    assertThat(policy.allows(DEFAULT_OF_A, Verb.PULL, "project-b")).isTrue();
    assertThat(policy.allows(BUILDER_OF_A, Verb.PULL, "project-b")).isTrue();
    assertThat(
            policy.allows(Principal.serviceAccount("project-c", "default"), Verb.PULL, "project-b"))
        .isFalse();
    assertThat(policy.allows(ANNA, Verb.PULL, "project-b")).isFalse();
  }

  @ParameterizedTest
  @CsvSource({
    "system:image-puller, PULL",
    "system:image-pusher, PULL CREATE OVERWRITE",
    "system:image-builder, PULL CREATE OVERWRITE IMPORT",
    "registry-viewer, READ",
    "registry-editor, READ PULL CREATE OVERWRITE IMPORT",
    "registry-admin, READ PULL CREATE OVERWRITE DELETE IMPORT ADMINISTER",
    "cluster-admin, READ PULL CREATE OVERWRITE DELETE IMPORT ADMINISTER"
  })
  void aBuiltInRoleGrantsItsVerbsAndNoMore(String role, String verbs) {
    Policy policy = policy(in("a", role, Subject.user("anna")));
    var allowed = EnumSet.noneOf(Verb.class);
    for (Verb verb : Verb.values()) {
      if (policy.allows(ANNA, verb, "a")) {
        allowed.add(verb);
      }
      assertThat(policy.allows(ANNA, verb, "b")).isFalse();
      assertThat(policy.allowsEverywhere(ANNA, verb)).isFalse();
    }
    assertThat(allowed.stream().map(Verb::name)).containsExactly(verbs.split(" "));
    assertThat(policy.problems()).isEmpty();
  }

  @Test
  void thereAreSevenBuiltInRoles() {
    assertThat(Role.builtInNames()).hasSize(7);
    assertThat(Role.builtIn("registry-admn")).isEmpty();
  }

  @Test
  void aBindingWithoutNamespaceIsForAllOfThem() {
    Policy policy = policy(everywhere("registry-viewer", Subject.group("system:authenticated")));
    assertThat(policy.allows(ANNA, Verb.READ, "a")).isTrue();
    assertThat(policy.allowsEverywhere(ANNA, Verb.READ)).isTrue();
    assertThat(policy.allows(ANNA, Verb.PULL, "a")).isFalse();
    assertThat(policy.allows(Principal.ANONYMOUS, Verb.READ, "a")).isFalse();
  }

  @Test
  void anonymousPullIsABindingLikeAnyOther() {
    Policy policy =
        policy(in("quay.io", "system:image-puller", Subject.group("system:unauthenticated")));
    assertThat(policy.allows(Principal.ANONYMOUS, Verb.PULL, "quay.io")).isTrue();
    assertThat(policy.allows(Principal.ANONYMOUS, Verb.PULL, "a")).isFalse();
    assertThat(policy.allows(ANNA, Verb.PULL, "quay.io")).isFalse();
  }

  @Test
  void aUserAndAGroupOfOneNameAreTwo() {
    Policy policy = policy(in("a", "registry-viewer", Subject.group("anna")));
    assertThat(policy.allows(ANNA, Verb.READ, "a")).isFalse();
  }

  @Test
  void groupsAreThoseOfGroupObjectsAndOfTheIssuer() {
    Binding binding = in("a", "registry-viewer", Subject.group("team"));
    Policy listed = Policy.of(List.of(binding), Map.of("team", Set.of("anna")), Map.of());
    assertThat(listed.allows(ANNA, Verb.READ, "a")).isTrue();
    assertThat(listed.allows(Principal.user("bert"), Verb.READ, "a")).isFalse();
    assertThat(listed.allows(Principal.user("bert").with(List.of("team")), Verb.READ, "a"))
        .isTrue();

    Policy replaced = Policy.of(List.of(binding), Map.of("team", Set.of("bert")), Map.of());
    assertThat(replaced.allows(ANNA, Verb.READ, "a")).isFalse();
  }

  @Test
  void aGroupObjectCannotAddToAGroupOfTheSystem() {
    Policy policy =
        Policy.of(List.of(), Map.of("system:serviceaccounts:project-a", Set.of("anna")), Map.of());
    assertThat(policy.allows(ANNA, Verb.PULL, "project-a")).isFalse();
    assertThat(policy.problems())
        .singleElement()
        .asString()
        .contains("system:serviceaccounts:project-a", "follows from the name");
  }

  @Test
  void aRoleCanBeDefined() {
    Policy policy =
        Policy.of(
            List.of(in("a", "cleaner", Subject.user("anna"))),
            Map.of(),
            Map.of("cleaner", new Role("cleaner", EnumSet.of(Verb.DELETE))));
    assertThat(policy.allows(ANNA, Verb.DELETE, "a")).isTrue();
    assertThat(policy.allows(ANNA, Verb.READ, "a")).isFalse();
    assertThat(policy.problems()).isEmpty();
  }

  @Test
  void theNamesOfAllRolesAreKnown() {
    var role = new Role("a/creator", Set.of(Verb.CREATE));
    assertThat(Policy.of(List.of(), Map.of(), Map.of(role.name(), role)).roles())
        .containsAll(Role.builtInNames())
        .contains("a/creator")
        .isSorted();
  }

  @Test
  void aBuiltInRoleCannotBeRedefined() {
    Policy policy =
        Policy.of(
            List.of(in("a", "registry-viewer", Subject.user("anna"))),
            Map.of(),
            Map.of("registry-viewer", new Role("registry-viewer", EnumSet.of(Verb.DELETE))));
    assertThat(policy.allows(ANNA, Verb.DELETE, "a")).isFalse();
    assertThat(policy.allows(ANNA, Verb.READ, "a")).isTrue();
    assertThat(policy.problems())
        .singleElement()
        .asString()
        .contains("registry-viewer", "built in");
  }

  @Test
  void aBindingToAnUnknownRoleGrantsNothingAndIsReported() {
    Policy policy = policy(in("b", "image-puller", Subject.user("anna")));
    assertThat(policy.allows(ANNA, Verb.PULL, "b")).isFalse();
    assertThat(policy.problems())
        .singleElement()
        .asString()
        .contains("\"image-puller\"", "namespace b", "system:image-puller", "cluster-admin");
  }

  @Test
  void whoCanNamesUsersAndGroupsOfTheNamespaceAndOfEverywhere() {
    Policy policy =
        policy(
            in("a", "system:image-puller", Subject.user("bert"), Subject.group("team")),
            in("a", "registry-viewer", Subject.user("carl")),
            in("b", "system:image-puller", Subject.user("dora")),
            everywhere("cluster-admin", Subject.user("anna")));
    assertThat(policy.whoCan(Set.of(Verb.PULL), Optional.of("a")))
        .containsExactly(
            Subject.user("anna"),
            Subject.user("bert"),
            Subject.group("system:serviceaccounts:a"),
            Subject.group("team"));
    assertThat(policy.whoCan(Set.of(Verb.DELETE), Optional.of("a")))
        .containsExactly(Subject.user("anna"));
    assertThat(policy.whoCan(Set.of(Verb.READ), Optional.of("c")))
        .containsExactly(Subject.user("anna"));
    assertThat(policy.whoCan(Set.of(Verb.PULL), Optional.empty()))
        .containsExactly(Subject.user("anna"));
  }

  @Test
  void whoCanNamesThoseThatMayDoAllOfIt() {
    Policy policy =
        Policy.of(
            List.of(
                in("a", "creates", Subject.user("carl")),
                in("a", "system:image-pusher", Subject.user("bert"))),
            Map.of(),
            Map.of("creates", new Role("creates", Set.of(Verb.CREATE))));

    assertThat(policy.whoCan(Set.of(Verb.CREATE, Verb.OVERWRITE), Optional.of("a")))
        .containsExactly(Subject.user("bert"));
  }

  @Test
  void aBindingIsOfANamespaceARoleAndNames() {
    assertThatThrownBy(() -> in("a/b", "registry-viewer"))
        .isInstanceOf(AccessException.class)
        .hasMessageContaining("not a namespace: \"a/b\"");
    assertThatThrownBy(() -> everywhere(""))
        .isInstanceOf(AccessException.class)
        .hasMessageContaining("not a name of a role");
    assertThatThrownBy(() -> Subject.user("a\u0007"))
        .isInstanceOf(AccessException.class)
        .hasMessageContaining("not a name of a user");
    assertThatThrownBy(() -> Subject.group(""))
        .isInstanceOf(AccessException.class)
        .hasMessageContaining("not a name of a group");
    assertThat(Subject.serviceAccount("project-a", "default").name())
        .isEqualTo("system:serviceaccount:project-a:default");
  }

  private static Policy policy(Binding... bindings) {
    return Policy.of(List.of(bindings), Map.of(), Map.of());
  }

  private static Binding in(String namespace, String role, Subject... subjects) {
    return new Binding(Optional.of(namespace), role, List.of(subjects));
  }

  private static Binding everywhere(String role, Subject... subjects) {
    return new Binding(Optional.empty(), role, List.of(subjects));
  }
}
