package dev.cistern.auth.access;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class ScopeTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "repository:project-a/app:pull,push|repository|project-a/app|pull,push",
        "repository:app:*|repository|app|*",
        "repository:localhost:5000/a/b:pull|repository|localhost:5000/a/b|pull",
        "repository:[::1]:5000/a:pull|repository|[::1]:5000/a|pull",
        "repository:quay.io/org/app:delete|repository|quay.io/org/app|delete",
        "registry:catalog:*|registry|catalog|*"
      })
  void typeAndActionsAreBeforeTheFirstAndAfterTheLastColon(
      String text, String type, String name, String actions) {
    assertThat(Scope.parse(text)).contains(new Grant(type, name, Set.of(actions.split(","))));
  }

  @ParameterizedTest
  @ValueSource(strings = {"repository(plugin):a/b:pull", "aws:a:pull", "Repository:a:pull"})
  void whatIsOfAnotherTypeIsNotAskedOfThisServer(String text) {
    assertThat(Scope.parse(text)).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        ":",
        "::",
        "repository",
        "repository:a",
        "repository::pull",
        ":a:pull",
        "repository:a:",
        "repository:a:pull,",
        "repository:a:PULL",
        "repository:A:pull",
        "repository:a/../b:pull",
        "repository:a//b:pull",
        "repository:/a:pull",
        "repository:a%2fb:pull",
        "repository:a\u0000:pull",
        "repository:host:port/a:pull",
        "repository:host:5000:pull",
        "registry:catalog/x:*",
        "registry::*"
      })
  void whatIsMalformedIsRefusedWithAnExample(String text) {
    assertThatThrownBy(() -> Scope.parse(text))
        .isInstanceOf(AccessException.class)
        .hasMessageStartingWith("not a scope: \"")
        .hasMessageEndingWith("one is such as repository:project/image:pull,push");
  }

  @Test
  void severalAreAskedForInOneParameterOrInMany() {
    assertThat(
            Scope.parseAll(
                List.of("repository:a:pull  repository:b:pull", "repository:a:push x:y:z", "")))
        .containsExactly(
            new Grant("repository", "a", Set.of("pull", "push")),
            new Grant("repository", "b", Set.of("pull")));
  }

  @Test
  void thereCanBe32AndTheyAreAtMost8192CharactersLong() {
    assertThat(Scope.parseAll(Collections.nCopies(32, "repository:a:pull"))).hasSize(1);
    assertThatThrownBy(() -> Scope.parseAll(Collections.nCopies(33, "repository:a:pull")))
        .isInstanceOf(AccessException.class)
        .hasMessage("there are more than 32 scopes; ask for less at once");
    assertThatThrownBy(() -> Scope.parseAll(List.of("x:" + "y".repeat(8192) + ":z")))
        .isInstanceOf(AccessException.class)
        .hasMessage("the scopes are longer than 8192 characters; ask for less at once");
    assertThatThrownBy(
            () -> Scope.parse("repository:a:" + String.join(",", Collections.nCopies(17, "pull"))))
        .hasMessageStartingWith("not a scope");
  }

  static LongStream seeds() {
    return LongStream.rangeClosed(1, Long.getLong("cistern.schedules", 24));
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void anyTextIsReadOrRefused(long seed) {
    var random = new SplittableRandom(seed);
    String[] pieces = {
      "repository",
      "registry",
      ":",
      ":",
      "a",
      "/",
      "pull",
      ",",
      "*",
      "localhost:5000/",
      "[::1]:1/",
      " ",
      "(plugin)",
      "..",
      "\0",
      "ü",
      "%2f",
      "-",
      "catalog"
    };
    for (int round = 0; round < 1000; round++) {
      var text = new StringBuilder();
      for (int i = random.nextInt(10); i > 0; i--) {
        text.append(pieces[random.nextInt(pieces.length)]);
      }
      String what = "seed %d, round %d".formatted(seed, round);
      try {
        for (Grant grant : Scope.parseAll(List.of(text.toString()))) {
          assertThat(grant.type()).as(what).isIn("repository", "registry");
          assertThat(grant.name()).as(what).isNotEmpty().doesNotContain("..", "\0", " ", "%");
          assertThat(grant.actions()).as(what).isNotEmpty().doesNotContain("");
        }
      } catch (AccessException refused) {
        assertThat(refused).as(what).hasMessageStartingWith("not a scope: ");
      }
    }
  }
}
