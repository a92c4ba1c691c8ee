package dev.cistern.conformance.clients;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.opentest4j.TestAbortedException;

class ClientsTest {
  @Test
  void aMissingClientSkipsATestAndFailsItWhereAllAreExpected() {
    Class<? extends Throwable> expected =
        Clients.areAllExpected() ? AssertionError.class : TestAbortedException.class;

    assertThat(catchThrowable(() -> Clients.need("sh", "a-client-this-test-made-up")))
        .isInstanceOf(expected)
        .hasMessageContaining("not on this machine: a-client-this-test-made-up");
  }

  @Test
  void aFailedCommandShowsWhatItSaid() {
    assertThatThrownBy(() -> Command.of("sh", "-c", "echo out; echo err >&2; exit 3").run())
        .isInstanceOf(AssertionError.class)
        .hasMessageContainingAll("ended with 3", "out", "err");
  }

  @Test
  void aCommandThatDoesNotEndIsStopped() {
    Command endless =
        Command.of("sh", "-c", "echo begun; sleep 600").within(Duration.ofMillis(500));

    assertThatThrownBy(endless::run)
        .isInstanceOf(AssertionError.class)
        .hasMessageContainingAll("did not end", "begun");
  }
}
