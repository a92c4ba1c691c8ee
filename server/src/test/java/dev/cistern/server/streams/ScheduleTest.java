package dev.cistern.server.streams;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.server.objects.Kinds;
import dev.cistern.storage.ObjectName;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class ScheduleTest {
  private static final Duration INTERVAL = Duration.ofMinutes(15);
  private static final Instant START = Instant.parse("2026-11-01T00:00:00Z");
  private static final ObjectName NAME = Kinds.IMAGE_STREAM.name("team", "app");
  private static final ImageStream STREAM = ImageStream.empty("team", "app");
  private static final InstantSource LATE = InstantSource.fixed(START.plus(Duration.ofDays(1)));

  private final Schedule schedule = new Schedule(INTERVAL);

  private void plan(ImageStream stream) {
    schedule.plan(stream, LATE.instant());
  }

  @ParameterizedTest
  @ValueSource(strings = {"created", "condition", "checked"})
  void aLookInTheFutureIsNone(String time) throws InterruptedException {
    Instant ahead = START.plus(Duration.ofDays(365));
    ImageStream stream = STREAM.with(scheduled("v1", "quay.io/a:v1"));
    TagHistory before = imported(START, "sha256:1");
    schedule.plan(
        switch (time) {
          case "created" -> stream.with("v1", imported(ahead, "sha256:1"));
          case "condition" ->
              stream.with(
                  "v1", before.failing(List.of(new TagCondition("NotFound", "no", 2, ahead))));
          default -> stream.with("v1", before).annotated(ImageStream.CHECKED, ahead.toString());
        },
        LATE.instant());

    assertThat(schedule.take(LATE).when()).isBeforeOrEqualTo(START.plus(INTERVAL));
  }

  @Test
  void whatAClockThatWasAheadHasPlannedIsDue() throws InterruptedException {
    plan(STREAM.with(scheduled("v1", "quay.io/a:v1")));
    Instant ahead = LATE.instant().plus(Duration.ofDays(365));
    schedule.again(schedule.take(LATE), ahead);

    assertThat(schedule.take(LATE).when()).isEqualTo(ahead.plus(INTERVAL));
  }

  @Test
  void whatWasNeverLookedAtIsDueAtOnce() throws InterruptedException {
    plan(STREAM.with(scheduled("v1", "quay.io/a:v1")));

    assertThat(schedule.size()).isEqualTo(1);
    assertThat(schedule.take(InstantSource.fixed(START)))
        .isEqualTo(new Schedule.Due(Instant.EPOCH.plus(INTERVAL), NAME, "v1"));
  }

  @Test
  void tagsAreDueAnIntervalAfterTheLastLookSoTheyStaySpread() throws InterruptedException {
    ImageStream stream = STREAM;
    for (int i = 0; i < 5; i++) {
      String tag = "v" + i;
      stream =
          stream
              .with(scheduled(tag, "quay.io/a:" + tag))
              .with(tag, imported(START.plusSeconds(60L * ((i * 3) % 5)), "sha256:" + i));
    }
    plan(stream);

    var order = new ArrayList<String>();
    for (int i = 0; i < 5; i++) {
      Schedule.Due due = schedule.take(LATE);
      assertThat(due.when()).isEqualTo(START.plusSeconds(60L * i).plus(INTERVAL));
      order.add(due.tag());
    }
    assertThat(order).containsExactly("v0", "v2", "v4", "v1", "v3");
  }

  @Test
  void aFailureIsALookToo() throws InterruptedException {
    TagCondition failed = new TagCondition("NotFound", "no", 2, START.plusSeconds(90));
    plan(
        STREAM
            .with(scheduled("v1", "quay.io/a:v1"))
            .with("v1", imported(START, "sha256:1").failing(List.of(failed))));

    assertThat(schedule.take(LATE).when()).isEqualTo(START.plusSeconds(90).plus(INTERVAL));
  }

  @Test
  void anImportOfTheWholeIsALookToo() throws InterruptedException {
    plan(
        STREAM
            .with(scheduled("v1", "quay.io/a:v1"))
            .with("v1", imported(START, "sha256:1"))
            .annotated(ImageStream.CHECKED, "2026-11-01T00:10:00Z"));

    assertThat(schedule.take(LATE).when())
        .isEqualTo(START.plus(Duration.ofMinutes(10)).plus(INTERVAL));
  }

  @Test
  void aPlanThatIsThereStays() throws InterruptedException {
    ImageStream stream = STREAM.with(scheduled("v1", "quay.io/a:v1"));
    plan(stream.with("v1", imported(START, "sha256:1")));
    plan(stream.with("v1", imported(START.plusSeconds(300), "sha256:2")));

    assertThat(schedule.size()).isEqualTo(1);
    assertThat(schedule.take(LATE).when()).isEqualTo(START.plus(INTERVAL));
  }

  @Test
  void whatWasTakenIsDueAgainAfterTheInterval() throws InterruptedException {
    plan(STREAM.with(scheduled("v1", "quay.io/a:v1")));

    schedule.again(schedule.take(InstantSource.fixed(START)), START.plusSeconds(5));

    assertThat(schedule.take(LATE))
        .isEqualTo(new Schedule.Due(START.plusSeconds(5).plus(INTERVAL), NAME, "v1"));
  }

  @Test
  void whatIsNotScheduledAnyMoreIsNotDue() throws InterruptedException {
    ImageStream stream =
        STREAM.with(scheduled("v1", "quay.io/a:v1")).with(scheduled("v2", "quay.io/a:v2"));
    plan(stream.with("v2", imported(START, "sha256:2")));
    Schedule.Due first = schedule.take(InstantSource.fixed(START));
    plan(stream.without("v1").with("v2", imported(START, "sha256:2")));

    schedule.again(first, START);

    assertThat(schedule.size()).isEqualTo(1);
    assertThat(schedule.take(LATE).tag()).isEqualTo("v2");
  }

  @Test
  void aStreamThatIsGoneIsForgotten() throws InterruptedException {
    plan(STREAM.with(scheduled("v1", "quay.io/a:v1")));
    ImageStream other = ImageStream.empty("team", "other").with(scheduled("v2", "quay.io/a:v2"));
    plan(other.with("v2", imported(START, "sha256:2")));

    schedule.forget(NAME);

    assertThat(schedule.size()).isEqualTo(1);
    assertThat(schedule.take(LATE).tag()).isEqualTo("v2");
  }

  @Test
  void whatIsScheduledAnewIsDueOnce() throws InterruptedException {
    ImageStream stream =
        STREAM
            .with(scheduled("v1", "quay.io/a:v1"))
            .with("v1", imported(START, "sha256:1"))
            .with(scheduled("v2", "quay.io/a:v2"))
            .with("v2", imported(START, "sha256:2"));
    plan(stream);
    schedule.forget(NAME);
    plan(stream);

    Schedule.Due first = schedule.take(LATE);
    Schedule.Due second = schedule.take(LATE);
    schedule.again(first, LATE.instant());

    assertThat(List.of(first.tag(), second.tag())).containsExactlyInAnyOrder("v1", "v2");
    assertThat(schedule.take(InstantSource.fixed(LATE.instant().plus(INTERVAL))))
        .isEqualTo(new Schedule.Due(LATE.instant().plus(INTERVAL), NAME, first.tag()));
  }

  @Test
  void aDigestIsScheduledUntilItsFirstSuccess() {
    SpecTag digest = scheduled("v1", "quay.io/a@sha256:1");
    plan(STREAM.with(digest));
    assertThat(schedule.size()).isEqualTo(1);

    TagCondition failed = new TagCondition("NotFound", "no", 2, START);
    plan(STREAM.with(digest).with("v1", new TagHistory(List.of(), List.of(failed))));
    assertThat(schedule.size()).isEqualTo(1);

    plan(STREAM.with(digest).with("v1", imported(START, "sha256:1")));
    assertThat(schedule.size()).isZero();
  }

  @Test
  void onlyImagesOfRegistriesAreScheduled() {
    SpecTag tag = scheduled("v1", "quay.io/a:v1");
    plan(
        STREAM
            .with(tag.with(ImportPolicy.USUAL))
            .with(
                new SpecTag(
                    "v2", Map.of(), tag.from(), true, tag.generation(), tag.importPolicy(), false))
            .with(
                new SpecTag(
                    "v3",
                    Map.of(),
                    Optional.of(new SourceReference("ImageStreamTag", "", "v1")),
                    false,
                    tag.generation(),
                    tag.importPolicy(),
                    false)));

    assertThat(schedule.size()).isZero();
  }

  @Test
  void whoWaitsIsWoken() {
    CompletableFuture<Schedule.Due> taken =
        CompletableFuture.supplyAsync(() -> {
          try {
            return schedule.take(InstantSource.fixed(START));
          } catch (InterruptedException e) {
            throw new AssertionError(e);
          }
        });

    plan(STREAM.with(scheduled("v1", "quay.io/a:v1")));

    assertThat(taken.join().tag()).isEqualTo("v1");
  }

  private static TagHistory imported(Instant when, String image) {
    return new TagHistory(List.of(new TagEvent(when, "quay.io/a@" + image, image, 1)), List.of());
  }

  private static SpecTag scheduled(String name, String from) {
    return new SpecTag(
        name,
        Map.of(),
        Optional.of(new SourceReference(SourceReference.DOCKER_IMAGE, "", from)),
        false,
        OptionalLong.of(1),
        new ImportPolicy(false, true, ImportMode.LEGACY),
        false);
  }
}
