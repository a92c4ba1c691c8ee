package dev.cistern.auth.access;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import at.favre.lib.crypto.bcrypt.BCrypt;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class UsersTest {
  /** What the C library's crypt(3) makes of passwords and one salt. */
  private static final String CORRECT_HORSE =
      "$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2";

  private static final String X72 = "$2y$05$abcdefghijklmnopqrstuujf8SX2ahXLwp9w/B.Y5XdysS6yR576q";
  private static final String X71 = "$2y$05$abcdefghijklmnopqrstuufmnYtZf4/LVIEdk8v40tikf/KPsqQ4m";
  private static final String X80 = "$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i";
  private static final String UMLAUT =
      "$2a$05$abcdefghijklmnopqrstuuQNr.NUko7cjRuTOhPz.WP0eA4f4.Xuq";
  private static final String EMPTY =
      "$2y$05$abcdefghijklmnopqrstuu0oImNDIy4flhldV9YqunRgBAePKmw7m";

  @Test
  void aUserIsWhoKnowsThePassword() {
    Users users = Users.parse("anna:" + CORRECT_HORSE + "\nbert:" + UMLAUT + "\n", "users");
    assertThat(users.verify("anna", "correct horse")).contains(Principal.user("anna"));
    assertThat(users.verify("bert", "päss")).contains(Principal.user("bert"));
    assertThat(users.verify("anna", "correct horse ")).isEmpty();
    assertThat(users.verify("anna", "")).isEmpty();
    assertThat(users.verify("bert", "correct horse")).isEmpty();
    assertThat(users.verify("carl", "correct horse")).isEmpty();
    assertThat(users.verify("", "")).isEmpty();
  }

  @Test
  void whatBcryptSeesOfALongPasswordIsWhatHtpasswdShowsIt() {
    Users users = Users.parse("a:" + X71 + "\nb:" + X72 + "\nc:" + X80, "users");
    assertThat(users.verify("a", "x".repeat(71))).isPresent();
    assertThat(users.verify("a", "x".repeat(72))).isEmpty();
    assertThat(users.verify("b", "x".repeat(72))).isPresent();
    assertThat(users.verify("b", "x".repeat(71))).isEmpty();
    assertThat(users.verify("c", "x".repeat(80))).isPresent();
    assertThat(users.verify("c", "x".repeat(1024))).isPresent();
    assertThat(users.verify("c", "x".repeat(1025))).isEmpty();
  }

  @Test
  void aNulDoesNotEndAPasswordButSpoilsIt() {
    Users users = Users.parse("anna:" + CORRECT_HORSE + "\nbert:" + EMPTY, "users");
    assertThat(users.verify("anna", "correct horse\0")).isEmpty();
    assertThat(users.verify("anna", "correct horse\0correct horse")).isEmpty();
    assertThat(users.verify("bert", "\0")).isEmpty();
  }

  @Test
  void theHashThatStandsForNobodyLetsNobodyIn() {
    assertThat(Users.NONE.verify("anna", "anything")).isEmpty();
    assertThat(Users.NONE.verify("", "")).isEmpty();
    assertThat(Users.NONE.isEmpty()).isTrue();
  }

  /** By the time of the processor, not of the clock: a loaded machine takes no more of it. */
  @Test
  void aNameThatIsNotKnownCostsAsMuchAsTheDearestThatIs() {
    String dear = BCrypt.with(BCrypt.Version.VERSION_2Y).hashToString(10, "pw".toCharArray());
    Users users = Users.parse("anna:" + dear + "\nbert:" + CORRECT_HORSE, "users");
    long known = processorTime(() -> users.verify("anna", "wrong"));
    long unknown = processorTime(() -> users.verify("nobody", "wrong"));
    assertThat(unknown).isGreaterThan(known / 10);
  }

  private static long processorTime(Runnable work) {
    ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadCpuTime();
    work.run();
    return threads.getCurrentThreadCpuTime() - before;
  }

  @Test
  void commentsEmptyLinesAndOtherLineEndsAreFine() {
    Users users = Users.parse("# ours\r\n\r\n  anna:" + CORRECT_HORSE + "  \r\n", "users");
    assertThat(users.verify("anna", "correct horse")).isPresent();
    assertThat(users.isEmpty()).isFalse();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "anna|there is no colon",
        "anna:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=|no bcrypt hash",
        "anna:$apr1$abcdefgh$abcdefghijklmnopqrstuv|no bcrypt hash",
        "anna:plain|no bcrypt hash",
        "anna:|no bcrypt hash",
        "anna:$2x$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2|no bcrypt hash",
        "anna:$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy|no bcrypt hash",
        "anna:$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2:x|no bcrypt hash",
        "anna:$2y$17$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2|cost 17; it must be 4 to 16",
        "anna:$2y$03$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2|cost 3; it must be 4 to 16",
        ":$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2|not a name of a user",
        "system:admin:x|no bcrypt hash",
        "an\u0007na:$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2|control characters"
      })
  void aLineThatIsWrongIsNamedWithWhatIsRightAndWithoutItsHash(String line, String message) {
    assertThatThrownBy(() -> Users.parse("# first\n" + line + "\n", "/etc/users"))
        .isInstanceOf(AccessException.class)
        .hasMessageStartingWith("/etc/users:2: ")
        .hasMessageContaining(message)
        .message()
        .doesNotContain("W6ph5", "HNbAK", "plain");
  }

  @Test
  void aUserHasOneLine() {
    assertThatThrownBy(
            () -> Users.parse("anna:" + CORRECT_HORSE + "\nanna:" + EMPTY + "\n", "users"))
        .hasMessage("users:2: this user is there already; a user has one line");
  }

  @ParameterizedTest
  @ValueSource(strings = {"system", "system:", "system:x"})
  void aNameWithAColonCannotBeWritten(String name) {
    Optional<Users> users;
    try {
      users = Optional.of(Users.parse(name + ":" + CORRECT_HORSE, "users"));
    } catch (AccessException refused) {
      users = Optional.empty();
    }
    assertThat(users.isPresent()).isEqualTo(name.equals("system"));
  }

  @Test
  void aStampChangesWithThePasswordAndTellsNothing() {
    Users before = Users.parse("anna:" + CORRECT_HORSE + "\nbert:" + EMPTY, "users");
    Users same = Users.parse("anna:" + CORRECT_HORSE, "users");
    Users after = Users.parse("anna:" + UMLAUT, "users");
    String stamp = before.stamp("anna").orElseThrow();
    assertThat(stamp).hasSize(16);
    assertThat(same.stamp("anna")).contains(stamp);
    assertThat(after.stamp("anna")).isPresent().isNotEqualTo(Optional.of(stamp));
    assertThat(before.stamp("bert")).isNotEqualTo(Optional.of(stamp));
    assertThat(before.stamp("carl")).isEmpty();
    assertThat(CORRECT_HORSE).doesNotContain(stamp);
  }

  @Test
  void nothingOfAUserIsShown() {
    assertThat(Users.parse("anna:" + CORRECT_HORSE, "users")).hasToString("1 users");
  }

  static LongStream seeds() {
    return LongStream.rangeClosed(1, Long.getLong("cistern.schedules", 24));
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void anyTextIsReadOrRefusedAndItsHashesAreNotTold(long seed) {
    var random = new SplittableRandom(seed);
    String[] pieces = {
      "anna",
      ":",
      CORRECT_HORSE,
      "\n",
      "\r",
      "#",
      "system:",
      "$2y$",
      "05",
      "99",
      "$",
      "\0",
      "ü",
      " ",
      "{SHA}",
      "\u2028",
      "bert:" + EMPTY
    };
    for (int round = 0; round < 500; round++) {
      var text = new StringBuilder();
      for (int i = random.nextInt(12); i > 0; i--) {
        text.append(pieces[random.nextInt(pieces.length)]);
      }
      String what = "seed %d, round %d".formatted(seed, round);
      try {
        assertThat(Users.parse(text.toString(), "users")).as(what).asString().endsWith(" users");
      } catch (AccessException refused) {
        assertThat(refused).as(what).message().startsWith("users:").doesNotContain("HNbAKRhp");
      }
    }
  }

  @Test
  void hashesOfAnotherImplementationAreReadToo() {
    String hash = BCrypt.with(BCrypt.Version.VERSION_2B).hashToString(4, "s3cret".toCharArray());
    assertThat(Users.parse("anna:" + hash, "users").verify("anna", "s3cret")).isPresent();
  }
}
