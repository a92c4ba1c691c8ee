package dev.cistern.server.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.auth.access.Binding;
import dev.cistern.auth.access.ImpersonationRule;
import dev.cistern.auth.access.Role;
import dev.cistern.auth.access.Subject;
import dev.cistern.auth.access.Verb;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AccessObjectsTest {
  private static final String BINDING =
      """
      apiVersion: rbac.authorization.k8s.io/v1
      kind: RoleBinding
      metadata: {name: pullers, namespace: project-b}
      roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:image-puller"}
      subjects:
      - {kind: User, name: anna, apiGroup: rbac.authorization.k8s.io}
      - {kind: Group, name: "system:serviceaccounts:project-a"}
      - {kind: ServiceAccount, name: default, namespace: project-a}
      - {kind: ServiceAccount, name: builder}
      """;

  @Test
  void aRoleBindingIsForItsNamespaceAndAllItsSubjects() {
    assertThat(bindings(BINDING))
        .containsExactly(
            new Binding(
                Optional.of("project-b"),
                "system:image-puller",
                List.of(
                    Subject.user("anna"),
                    Subject.group("system:serviceaccounts:project-a"),
                    Subject.user("system:serviceaccount:project-a:default"),
                    Subject.user("system:serviceaccount:project-b:builder"))));
  }

  @Test
  void aClusterRoleBindingIsForEverywhere() {
    String everywhere =
        BINDING
            .replace("kind: RoleBinding", "kind: ClusterRoleBinding")
            .replace(", namespace: project-b", "")
            .replace("- {kind: ServiceAccount, name: builder}\n", "");

    assertThat(bindings(everywhere))
        .extracting(Binding::namespace)
        .containsExactly(Optional.empty());
  }

  @Test
  void openshiftsOwnKindsAreReadToo() {
    String openshift =
        """
        apiVersion: authorization.openshift.io/v1
        kind: RoleBinding
        metadata: {name: pullers, namespace: project-b}
        userNames: [anna]
        groupNames: []
        roleRef: {name: registry-editor}
        subjects: [{kind: User, name: anna}, {kind: SystemGroup, name: "system:authenticated"}]
        """;

    assertThat(bindings(openshift))
        .containsExactly(
            new Binding(
                Optional.of("project-b"),
                "registry-editor",
                List.of(Subject.user("anna"), Subject.group("system:authenticated"))));
  }

  @Test
  void groupsOfSeveralObjectsAreOne() {
    String group =
        """
        apiVersion: user.openshift.io/v1
        kind: Group
        metadata: {name: team}
        users: [%s]
        ---
        """;

    assertThat(read(group.formatted("anna") + group.formatted("bert, anna")).groups())
        .isEqualTo(Map.of("team", Set.of("anna", "bert")));
  }

  @Test
  void aRoleIsWhatItsRulesSayOfImages() {
    String role =
        """
        apiVersion: rbac.authorization.k8s.io/v1
        kind: %s
        metadata: {name: mine, namespace: project-b}
        rules:
        - {apiGroups: [image.openshift.io, ""], resources: [%s], verbs: [%s]}
        - {apiGroups: [apps], resources: ["*"], verbs: ["*"]}
        - {nonResourceURLs: ["/metrics"], verbs: [get]}
        """;

    assertThat(read(role.formatted("ClusterRole", "imagestreams/layers", "get")).roles())
        .isEqualTo(Map.of("mine", new Role("mine", Set.of(Verb.PULL))));
    assertThat(read(role.formatted("Role", "imagestreams/layers", "get, update")).roles())
        .isEqualTo(
            Map.of(
                "project-b/mine",
                new Role("project-b/mine", Set.of(Verb.PULL, Verb.CREATE, Verb.OVERWRITE))));
    assertThat(verbs(role.formatted("ClusterRole", "imagestreamtags", "create, delete")))
        .containsExactlyInAnyOrder(Verb.CREATE, Verb.DELETE);
    assertThat(verbs(role.formatted("ClusterRole", "\"*\"", "\"*\"")))
        .containsExactlyInAnyOrder(Verb.values());
    assertThat(verbs(role.formatted("ClusterRole", "\"*\"", "get")))
        .containsExactlyInAnyOrder(Verb.READ, Verb.PULL);
    assertThat(verbs(role.formatted("ClusterRole", "pods", "\"*\""))).isEmpty();
    assertThat(
            verbs(
                role.formatted("ClusterRole", "\"*\"", "\"*\"")
                    .replace("image.openshift.io, ", "")))
        .as("all of the core group")
        .isEmpty();
  }

  @Test
  void aRoleMayGrantImpersonation() {
    AccessRules rules =
        read(
            """
            apiVersion: rbac.authorization.k8s.io/v1
            kind: ClusterRole
            metadata: {name: acts}
            rules:
            - {apiGroups: [""], resources: [users, groups], resourceNames: [bob], verbs: [impersonate]}
            - {apiGroups: [authentication.k8s.io], resources: [uids], verbs: ["*"]}
            - {apiGroups: [apps], resources: ["*"], verbs: ["*"]}
            - {apiGroups: [""], resources: [users], verbs: [get]}
            """);

    assertThat(rules.roles().values().iterator().next().impersonations())
        .containsExactly(
            new ImpersonationRule(Set.of(""), Set.of("users", "groups"), Set.of("bob")),
            new ImpersonationRule(Set.of("authentication.k8s.io"), Set.of("uids"), Set.of()));
  }

  @Test
  void aBindingToARoleOfItsNamespaceNamesThatOne() {
    String local = BINDING.replace("kind: ClusterRole,", "kind: Role,");

    assertThat(bindings(local))
        .extracting(Binding::role)
        .containsExactly("project-b/system:image-puller");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "kind: User, name: anna|kind: Users, name: anna|a:6: subjects[0].kind: User, Group or",
        "kind: User, name: anna|kind: User|a:6: subjects[0].name: the key is missing",
        "namespace: project-b|labels: {}|metadata.namespace: the key is missing",
        "namespace: project-b|namespace: 'Not One'|not a service account",
        "roleRef:|reference:|roleRef: the key is missing",
        "k8s.io/v1|k8s.io/v2|apiVersion: rbac.authorization.k8s.io/v1 is expected",
        "name: default, namespace: project-a|name: 'x:y', namespace: project-a|not a service",
      })
  void whatIsWrongIsNamedWithItsPlace(String old, String wrong, String complaint) {
    assertThatThrownBy(() -> read(BINDING.replaceFirst(old, wrong)))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith("a:")
        .hasMessageContaining(complaint);
  }

  private static Set<Verb> verbs(String text) {
    return read(text).roles().values().iterator().next().verbs();
  }

  private static List<Binding> bindings(String text) {
    return read(text).bindings().stream().map(NamedBinding::binding).toList();
  }

  private static AccessRules read(String text) {
    return Resources.parse(text, "a").access();
  }
}
