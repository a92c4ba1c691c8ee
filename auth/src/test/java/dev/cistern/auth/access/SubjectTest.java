package dev.cistern.auth.access;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SubjectTest {
  @ParameterizedTest
  @ValueSource(strings = {"anna", "system:anonymous", "system:serviceaccount:project-a:default"})
  void aUserThatCanBeIsOne(String name) {
    assertThat(Subject.possibleUser(name)).isEqualTo(Subject.user(name));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"system:admin", "system:serviceaccount:project-a", "system:serviceaccount:A:b"})
  void aUserOfTheSystemThatCannotBeIsRefused(String name) {
    assertThatThrownBy(() -> Subject.possibleUser(name))
        .isInstanceOf(AccessException.class)
        .hasMessageContaining("there can be no user \"" + name + "\"")
        .hasMessageContaining("system:serviceaccount:NAMESPACE:NAME");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "team",
        "system:authenticated",
        "system:unauthenticated",
        "system:serviceaccounts",
        "system:serviceaccounts:quay.io"
      })
  void aGroupThatCanBeIsOne(String name) {
    assertThat(Subject.possibleGroup(name)).isEqualTo(Subject.group(name));
  }

  @ParameterizedTest
  @ValueSource(strings = {"system:masters", "system:serviceaccounts:", "system:serviceaccount:a:b"})
  void aGroupOfTheSystemThatCannotBeIsRefused(String name) {
    assertThatThrownBy(() -> Subject.possibleGroup(name))
        .isInstanceOf(AccessException.class)
        .hasMessageContaining("there can be no group \"" + name + "\"")
        .hasMessageContaining("system:serviceaccounts:NAMESPACE");
  }
}
