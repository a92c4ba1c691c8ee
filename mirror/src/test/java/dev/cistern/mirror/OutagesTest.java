package dev.cistern.mirror;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.mirror.rules.PullFrom;
import dev.cistern.mirror.rules.PullSource;
import dev.cistern.mirror.upstream.Answer;
import dev.cistern.oci.RepositoryName;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

class OutagesTest {
  private static final PullSource SOURCE =
      new PullSource(
          "one.example",
          0,
          new RepositoryName("team/app"),
          PullFrom.ALL,
          false,
          false,
          Optional.empty());

  private final AtomicReference<Instant> now = new AtomicReference<>(Instant.EPOCH);
  private final Outages outages = new Outages(now::get);

  @Test
  void anAnswerToAQuestionBeforeItDoesNotEndAnOutage() {
    Instant before = outages.now();
    pass(Duration.ofMillis(20));
    outages.note(SOURCE, new Answer.Unreachable<>("it is gone"), before);
    pass(Duration.ofMillis(20));

    outages.note(SOURCE, new Answer.Found<>("what it sent before"), before);
    assertThat(outages.reason(List.of(SOURCE))).contains("it is gone");

    outages.note(SOURCE, new Answer.Found<>("it is back"), outages.now());
    assertThat(outages.reason(List.of(SOURCE))).isEmpty();
  }

  @Test
  void aLateAnswerEndsASilence() {
    Instant before = outages.now();
    pass(Duration.ofSeconds(2));
    outages.noteSilence(SOURCE, Duration.ofSeconds(2));
    assertThat(outages.reason(List.of(SOURCE))).isPresent();

    outages.note(SOURCE, new Answer.Found<>("late"), before);

    assertThat(outages.reason(List.of(SOURCE))).isEmpty();
  }

  @Test
  void thatThisServerIsBusySaysNothingOfTheUpstream() {
    outages.note(SOURCE, new Answer.Busy<>(Answer.NO_MEMORY), outages.now());
    assertThat(outages.reason(List.of(SOURCE))).isEmpty();

    outages.note(SOURCE, new Answer.Unreachable<>("it is gone"), outages.now());
    outages.note(SOURCE, new Answer.Busy<>(Answer.NO_MEMORY), outages.now());
    assertThat(outages.reason(List.of(SOURCE))).contains("it is gone");
  }

  private void pass(Duration time) {
    now.updateAndGet(instant -> instant.plus(time));
  }
}
