package dev.cistern.auth.access;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PrincipalTest {
  @Test
  void theImplicitGroupsFollowFromWhoItIs() {
    assertThat(Principal.ANONYMOUS.name()).isEqualTo("system:anonymous");
    assertThat(Principal.ANONYMOUS.groups()).containsExactly("system:unauthenticated");
    assertThat(Principal.ANONYMOUS.isAnonymous()).isTrue();

    assertThat(Principal.user("anna").groups()).containsExactly("system:authenticated");
    assertThat(Principal.user("anna").isAnonymous()).isFalse();

    Principal account = Principal.serviceAccount("project-a", "default");
    assertThat(account.name()).isEqualTo("system:serviceaccount:project-a:default");
    assertThat(account.groups())
        .containsExactlyInAnyOrder(
            "system:authenticated", "system:serviceaccounts", "system:serviceaccounts:project-a");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"system:anonymous", "system:serviceaccount:a:b", "system:", "", "a\nb", "a\u0000"})
  void nobodyFromOutsideHasSuchAName(String name) {
    assertThatThrownBy(() -> Principal.user(name))
        .isInstanceOf(AccessException.class)
        .hasMessageContaining("not a name of a user");
  }

  @Test
  void aNameIsAtMost255CharactersLong() {
    assertThat(Principal.user("n".repeat(255)).name()).hasSize(255);
    assertThatThrownBy(() -> Principal.user("n".repeat(256)))
        .hasMessageContaining("1 to 255 characters");
  }

  @Test
  void aServiceAccountIsReadFromItsFullName() {
    assertThat(Principal.serviceAccount("system:serviceaccount:quay.io:builder"))
        .contains(Principal.serviceAccount("quay.io", "builder"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "anna",
        "system:serviceaccount",
        "system:serviceaccount:",
        "system:serviceaccount:a",
        "system:serviceaccount:a:",
        "system:serviceaccount::b",
        "system:serviceaccount:a:b:c",
        "system:serviceaccount:A:b",
        "system:serviceaccount:a/b:c",
        "system:serviceaccounts:a:b",
        "System:serviceaccount:a:b"
      })
  void whatIsNotTheNameOfAServiceAccountIsNone(String name) {
    assertThat(Principal.serviceAccount(name)).isEmpty();
  }

  @Test
  void aServiceAccountCannotSmuggleAnotherNamespaceIntoItsName() {
    assertThatThrownBy(() -> Principal.serviceAccount("a:b", "c"))
        .isInstanceOf(AccessException.class)
        .hasMessageContaining("not a service account");
    assertThatThrownBy(() -> Principal.serviceAccount("a", "b:c"))
        .isInstanceOf(AccessException.class)
        .hasMessageContaining("\"b:c\"");
  }

  @Test
  void groupsAreAddedButNotThoseOfTheSystem() {
    Principal anna = Principal.user("anna").with(List.of("team", "ops"));
    assertThat(anna.groups()).containsExactlyInAnyOrder("system:authenticated", "team", "ops");
    assertThat(anna.ownGroups()).containsExactly("ops", "team");

    assertThatThrownBy(() -> anna.with(Set.of("system:serviceaccounts:a")))
        .isInstanceOf(AccessException.class)
        .hasMessageContaining("system:");
  }
}
