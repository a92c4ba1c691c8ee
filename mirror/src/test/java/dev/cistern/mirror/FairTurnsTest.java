package dev.cistern.mirror;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class FairTurnsTest {
  private static final Duration PATIENCE = Duration.ofSeconds(2);
  private static final Duration TICK = Duration.ofNanos(1);
  private static final int FILLS = 2;
  private static final int MOST = 4;

  private final FairTurns turns = new FairTurns(FILLS, MOST, PATIENCE);
  private long now = 7;

  /** A download, and whether it has a follower. */
  private static final class Fill {
    private final FairTurns.Turn turn;
    private boolean isFollowed = true;

    Fill(String repository) {
      turn = new FairTurns.Turn(repository, () -> isFollowed);
    }

    boolean isRunning() {
      return turn.isRunning();
    }
  }

  @Test
  void soManyRunAndTheNextBeginsWhenOneEnds() {
    List<Fill> fills = enter("a", FILLS + 1);

    assertThat(fills).extracting(Fill::isRunning).containsExactly(true, true, false);
    assertThat(turns.waiting()).isEqualTo(1);
    leave(fills.getFirst());
    assertThat(fills.getLast().isRunning()).isTrue();
    assertThat(turns.waiting()).isZero();
  }

  @Test
  void repositoriesTakeTurns() {
    List<Fill> hoard = enter("hoard", 6);
    Fill one = enter("one");
    Fill two = enter("two");

    leave(hoard.get(0));
    assertThat(one.isRunning()).isTrue();
    leave(hoard.get(1));
    assertThat(two.isRunning()).isTrue();
    leave(one);
    assertThat(hoard.get(2).isRunning()).isTrue();
    assertThat(hoard.get(3).isRunning()).isFalse();
  }

  @Test
  void aFillThatNobodyFollowsGivesWayAtOnceAndGoesOnWhenThereIsRoom() {
    List<Fill> left = enter("left", FILLS);
    left.forEach(fill -> fill.isFollowed = false);

    Fill one = new Fill("one");
    turns.enter(one.turn, now);
    FairTurns.Decision decision = turns.decide(now);

    assertThat(decision.pause()).containsExactly(left.getFirst().turn);
    assertThat(decision.begin()).containsExactly(one.turn);
    assertThat(turns.running()).isEqualTo(FILLS);
    leave(one);
    assertThat(left).allMatch(Fill::isRunning);
  }

  @Test
  void aFillThatNobodyFollowsDoesNotDisplaceAnother() {
    List<Fill> running = enter("left", FILLS);
    running.forEach(fill -> fill.isFollowed = false);
    Fill other = new Fill("other");
    other.isFollowed = false;
    turns.enter(other.turn, now);

    assertThat(turns.decide(now).pause()).isEmpty();
    pass(PATIENCE.multipliedBy(2));
    assertThat(other.isRunning()).isFalse();
  }

  @Test
  void whatIsFollowedComesBeforeWhatIsNot() {
    List<Fill> running = enter("a", FILLS);
    Fill prefetched = enter("b");
    prefetched.isFollowed = false;
    Fill pulled = enter("c");

    leave(running.getFirst());

    assertThat(pulled.isRunning()).isTrue();
    assertThat(prefetched.isRunning()).isFalse();
  }

  @Test
  void aSlowFillDoesNotCountAfterHalfAMinuteAndOneAtThePaceDoes() {
    var patient = new FairTurns(FILLS, MOST, Duration.ofHours(1));
    Fill slow = new Fill("slow");
    Fill steady = new Fill("steady");
    Fill waiting = new Fill("waiting");
    List.of(slow, steady, waiting).forEach(fill -> patient.enter(fill.turn, now));
    patient.decide(now);
    long begun = now;
    for (int second = 1; second < FairTurns.SLOW_OVER.toSeconds(); second++) {
      now = begun + Duration.ofSeconds(second).toNanos();
      patient.moved(slow.turn, FairTurns.SLOW_BYTES_PER_SECOND - 1, now);
      patient.moved(steady.turn, FairTurns.SLOW_BYTES_PER_SECOND * 2, now);
      patient.decide(now);
      assertThat(waiting.isRunning()).isFalse();
    }
    now = begun + FairTurns.SLOW_OVER.toNanos();
    patient.decide(now);

    assertThat(slow.isRunning()).isTrue();
    assertThat(waiting.isRunning()).isTrue();
    assertThat(patient.running()).isEqualTo(FILLS + 1);
    Fill next = new Fill("next");
    patient.enter(next.turn, now);
    patient.decide(now);
    assertThat(next.isRunning()).isFalse(); // the steady one counts
  }

  @Test
  void aFillThatWasFastAndStallsIsSlowHalfAMinuteLater() {
    var patient = new FairTurns(1, MOST, Duration.ofHours(1));
    Fill fast = new Fill("fast");
    Fill waiting = new Fill("waiting");
    List.of(fast, waiting).forEach(fill -> patient.enter(fill.turn, now));
    patient.decide(now);
    for (int second = 0; second < 60; second++) {
      now += Duration.ofSeconds(1).toNanos();
      patient.moved(fast.turn, 100 << 20, now);
    }
    patient.decide(now);
    assertThat(waiting.isRunning()).isFalse();

    now += FairTurns.SLOW_OVER.minus(TICK).toNanos();
    patient.moved(fast.turn, 1, now);
    patient.decide(now);
    assertThat(waiting.isRunning()).isFalse();
    now += TICK.toNanos();
    patient.decide(now);
    assertThat(waiting.isRunning()).isTrue();
  }

  @Test
  void aFollowerThatHasWaitedLongEnoughBeginsBeyondTheUsualNumberUpToTheMost() {
    List<Fill> fills = enter("a", FILLS);
    move(fills);
    List<Fill> others = enter("b", 4);
    pass(PATIENCE.minus(TICK));
    assertThat(others).noneMatch(Fill::isRunning);
    move(fills);

    pass(TICK);

    assertThat(turns.running()).isEqualTo(MOST);
    assertThat(others).extracting(Fill::isRunning).containsExactly(true, true, false, false);
  }

  @Test
  void whatNobodyFollowsNeverBeginsBeyondTheUsualNumber() {
    List<Fill> fills = enter("a", FILLS);
    Fill other = enter("b");
    other.isFollowed = false;

    pass(PATIENCE.multipliedBy(5));

    assertThat(fills).allMatch(Fill::isRunning);
    assertThat(other.isRunning()).isFalse();
  }

  @Test
  void whenAllConnectionsAreUsedTheSlowestIsPausedFirst() {
    List<Fill> stalled = enter("stalled", MOST);
    pass(PATIENCE);
    assertThat(turns.running()).isEqualTo(MOST);
    for (int i = 0; i < MOST; i++) {
      turns.moved(stalled.get(i).turn, 1000L * (i == 2 ? 0 : i + 1), now);
    }
    pass(PATIENCE);
    Fill one = enter("one");
    pass(PATIENCE);

    assertThat(one.isRunning()).isTrue();
    assertThat(stalled).extracting(Fill::isRunning).containsExactly(true, true, false, true);
    assertThat(turns.running()).isEqualTo(MOST);
  }

  @Test
  void fastOnesAreNotPausedForOthers() {
    List<Fill> fills = enter("fast", MOST);
    pass(PATIENCE);
    Fill one = enter("one");
    for (int i = 0; i < 10; i++) {
      now += PATIENCE.toNanos();
      move(fills);
      turns.decide(now);
    }

    assertThat(fills).allMatch(Fill::isRunning);
    assertThat(one.isRunning()).isFalse();
    leave(fills.getFirst());
    leave(fills.get(1));
    leave(fills.get(2));
    assertThat(one.isRunning()).isTrue();
  }

  @Test
  void whatWasPausedForBeingSlowWaitsForRoomAndPausesNobody() {
    List<Fill> stalled = enter("stalled", MOST);
    pass(PATIENCE);
    pass(PATIENCE);
    Fill one = enter("one");
    pass(PATIENCE);
    Fill paused = stalled.stream().filter(fill -> !fill.isRunning()).findFirst().orElseThrow();

    pass(PATIENCE.multipliedBy(3));
    assertThat(paused.isRunning()).isFalse();
    leave(one);
    assertThat(paused.isRunning()).isTrue();
  }

  @Test
  void anyNumberOfStalledOnesLeavesAnotherRepositoryItsTurnWithinThePatience() {
    enter("stalled", 500);
    for (int i = 0; i < 20; i++) {
      pass(PATIENCE);
    }
    Fill one = enter("one");
    long begun = now;
    while (!one.isRunning() && now - begun < PATIENCE.toNanos()) {
      pass(PATIENCE.dividedBy(8));
    }

    assertThat(one.isRunning()).isTrue();
    assertThat(turns.running()).isLessThanOrEqualTo(MOST);
  }

  @Test
  void oneThatLeavesTheLineIsForgotten() {
    List<Fill> fills = enter("a", FILLS + 2);

    turns.leave(fills.getLast().turn);
    turns.leave(fills.getLast().turn);

    assertThat(turns.waiting()).isEqualTo(1);
    fills.subList(0, FILLS).forEach(this::leave);
    assertThat(turns.running()).isEqualTo(1);
    assertThat(fills.getLast().isRunning()).isFalse();
  }

  private List<Fill> enter(String repository, int count) {
    var fills = new ArrayList<Fill>();
    for (int i = 0; i < count; i++) {
      fills.add(enter(repository));
    }
    return fills;
  }

  private Fill enter(String repository) {
    var fill = new Fill(repository);
    turns.enter(fill.turn, now);
    turns.decide(now);
    return fill;
  }

  private void leave(Fill fill) {
    turns.leave(fill.turn);
    turns.decide(now);
  }

  private void pass(Duration time) {
    now += time.toNanos();
    turns.decide(now);
  }

  private void move(List<Fill> fills) {
    fills.forEach(fill -> turns.moved(fill.turn, 1 << 20, now));
  }
}
