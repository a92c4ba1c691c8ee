package dev.cistern.auth.access;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ImpersonationPolicyTest {
  private static final Principal CARL = Principal.user("carl");
  private static final String AUTHENTICATION = "authentication.k8s.io";

  /** Carl's role has one rule, and is bound everywhere or, where a namespace is given, there. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      nullValues = "-",
      value = {
        "''   | users             | -   | -    | bob                                | true",
        "*    | *                 | -   | -    | bob                                | true",
        "''   | users             | bob | -    | bob                                | true",
        "''   | users             | bo  | -    | bob                                | false",
        "''   | groups            | -   | -    | bob                                | false",
        "apps | users             | -   | -    | bob                                | false",
        "''   | users             | -   | team | bob                                | false",
        "*    | *                 | -   | team | bob                                | false",
        "''   | users             | -   | -    | system:serviceaccount:team:default | false",
        "''   | serviceaccounts   | -   | -    | system:serviceaccount:team:default | true",
        "''   | serviceaccounts   | -   | team | system:serviceaccount:team:default | true",
        "*    | *                 | -   | team | system:serviceaccount:team:default | true",
        "''   | serviceaccounts   | x   | team | system:serviceaccount:team:default | false",
        "''   | serviceaccounts   | -   | red  | system:serviceaccount:team:default | false",
        "''   | serviceaccounts   | -   | -    | system:serviceaccount:no           | false",
        "''   | users             | -   | -    | system:serviceaccount:no           | true",
      })
  void aUserTakesARuleForUsersAndAServiceAccountOneForItsNamespace(
      String group,
      String resource,
      @Nullable String name,
      @Nullable String namespace,
      String user,
      boolean isAllowed) {
    Policy policy = policy(group, resource, name, Optional.ofNullable(namespace));
    assertThat(policy.allowsImpersonation(CARL, ImpersonationTarget.user(user)))
        .isEqualTo(isAllowed);
    assertThat(policy.allowsImpersonation(Principal.user("dave"), ImpersonationTarget.user(user)))
        .isFalse();
  }

  @ParameterizedTest
  @CsvSource({
    "userextras/scopes, scopes, true",
    "userextras/scopes, other, false",
    "userextras/*, other, true",
    "*/scopes, scopes, true",
    "userextras, scopes, false",
    "*, scopes, true"
  })
  void extraValuesTakeARuleForTheirKey(String resource, String key, boolean isAllowed) {
    Policy policy = policy(AUTHENTICATION, resource, null, Optional.empty());
    assertThat(policy.allowsImpersonation(CARL, ImpersonationTarget.extra(key, "v")))
        .isEqualTo(isAllowed);
  }

  private static Policy policy(
      String group, String resource, @Nullable String name, Optional<String> namespace) {
    var rule =
        new ImpersonationRule(
            Set.of(group), Set.of(resource), name == null ? Set.of() : Set.of(name));
    var role = new Role("acts", Set.of(), List.of(rule));
    var binding = new Binding(namespace, "acts", List.of(Subject.user("carl")));
    return Policy.of(List.of(binding), Map.of(), Map.of("acts", role));
  }

  @Test
  void clusterAdminHasItAndNamespaceAdministratorsHaveNot() {
    for (String role : Role.builtInNames()) {
      var binding = new Binding(Optional.empty(), role, List.of(Subject.user("carl")));
      Policy policy = Policy.of(List.of(binding), Map.of(), Map.of());
      for (ImpersonationTarget target :
          List.of(
              ImpersonationTarget.user("bob"),
              ImpersonationTarget.user("system:serviceaccount:team:default"),
              ImpersonationTarget.group("devs"),
              ImpersonationTarget.uid("1"),
              ImpersonationTarget.extra("scopes", "x"))) {
        assertThat(policy.allowsImpersonation(CARL, target))
            .as(role + " " + target)
            .isEqualTo(role.equals("cluster-admin"));
      }
    }
  }

  @Test
  void itComesByGroupsToo() {
    var role = new Role("acts", Set.of(), List.of(ImpersonationRule.EVERYTHING));
    var binding = new Binding(Optional.empty(), "acts", List.of(Subject.group("helpers")));
    Policy policy =
        Policy.of(List.of(binding), Map.of("helpers", Set.of("carl")), Map.of("acts", role));
    ImpersonationTarget bob = ImpersonationTarget.user("bob");

    assertThat(policy.allowsImpersonation(CARL, bob)).isTrue();
    assertThat(policy.allowsImpersonation(CARL.with(List.of("helpers")), bob)).isTrue();
    assertThat(policy.allowsImpersonation(new Principal("carl", Set.of(), true), bob)).isFalse();
  }

  @Test
  void whoIsInGivenGroupsIsInNoOthers() {
    var binding =
        new Binding(Optional.of("team"), "registry-viewer", List.of(Subject.group("devs")));
    Policy policy = Policy.of(List.of(binding), Map.of("devs", Set.of("bob")), Map.of());

    assertThat(policy.allows(impersonated("bob"), Verb.READ, "team")).isTrue();
    assertThat(policy.allows(impersonated("bob", "other"), Verb.READ, "team")).isFalse();
    assertThat(policy.allows(impersonated("eve", "devs"), Verb.READ, "team")).isTrue();
  }

  private static Principal impersonated(String user, String... groups) {
    return new Impersonation(CARL, user, List.of(groups), "", new TreeMap<>()).principal();
  }

  @Test
  void namesThatCannotBeNamesAreRefused() {
    for (String name : List.of("", "a\nb", "x".repeat(256))) {
      assertThatThrownBy(() -> impersonated(name)).isInstanceOf(AccessException.class);
      assertThatThrownBy(() -> impersonated("bob", name)).isInstanceOf(AccessException.class);
    }
    assertThat(impersonated("x".repeat(255)).name()).hasSize(255);
  }

  @Test
  void anonymousChangesAreKnown() {
    for (String role : Role.builtInNames()) {
      for (Optional<String> namespace : List.of(Optional.<String>empty(), Optional.of("team"))) {
        var binding =
            new Binding(namespace, role, List.of(Subject.group("system:unauthenticated")));
        assertThat(Policy.of(List.of(binding), Map.of(), Map.of()).allowsAnonymousChanges())
            .as(role)
            .isEqualTo(!Set.of("registry-viewer", "system:image-puller").contains(role));
      }
    }
    var others = new Binding(Optional.empty(), "cluster-admin", List.of(Subject.user("anna")));
    assertThat(Policy.of(List.of(others), Map.of(), Map.of()).allowsAnonymousChanges()).isFalse();
  }
}
