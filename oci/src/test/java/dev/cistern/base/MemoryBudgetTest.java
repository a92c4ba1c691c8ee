package dev.cistern.base;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.base.MemoryBudget.Account;
import dev.cistern.base.MemoryBudget.Lease;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class MemoryBudgetTest {
  private static final int LIMIT = 64 << 20;

  /** What is not kept for short leases. */
  private static final int LONG = LIMIT - LIMIT / 8;

  private static final List<String> CARL = List.of("user carl");
  private static final List<String> ANNA = List.of("user anna");
  private static final List<String> NONE = List.of();
  private static final List<Account> ALL = List.of(Account.values());

  /** Of which one always fits. */
  private static final Set<Account> MAY_EXCEED =
      EnumSet.of(Account.PARSED_TREES, Account.QUEUED_CHANGES);

  private final MemoryBudget budget = new MemoryBudget(LIMIT);

  @Test
  void theServerItselfMayHaveAllButWhatIsForShortLeases() {
    Lease lease = budget.take(Account.LISTS, NONE, LONG);

    assertThat(budget.waiting(Account.LISTS)).isEqualTo(LONG);
    assertThat(lease.tryTake(1)).isFalse();
    assertThat(budget.lease(Account.LISTS, NONE).tryTake(MemoryBudget.SMALL_BYTES)).isTrue();
    assertThat(budget.lease(Account.LISTS, NONE).tryTake(MemoryBudget.SMALL_BYTES + 1)).isFalse();
  }

  @Test
  void aHolderHasAtMostHalf() {
    Lease lease = budget.take(Account.LISTS, CARL, LONG / 2);

    assertThat(lease.tryTake(1)).isFalse();
    assertThat(budget.lease(Account.WATCHES, CARL).tryTake(MemoryBudget.SMALL_BYTES + 1)).isFalse();
    assertThat(budget.lease(Account.WATCHES, ANNA).tryTake(LONG / 2)).isTrue();
    lease.give(1);
    assertThat(lease.tryTake(1)).isTrue();
  }

  @Test
  void shortLeasesOfOneHolderEndAtHalfToo() {
    int most = LIMIT / 2 / MemoryBudget.SMALL_BYTES;
    for (int i = 0; i < most; i++) {
      assertThat(budget.lease(Account.LISTS, CARL).tryTake(MemoryBudget.SMALL_BYTES)).isTrue();
    }
    assertThat(budget.lease(Account.LISTS, CARL).tryTake(1)).isFalse();
    assertThat(budget.lease(Account.LISTS, ANNA).tryTake(MemoryBudget.SMALL_BYTES)).isTrue();
  }

  @Test
  void anAddressAndAUserAreBothHolders() {
    budget.take(Account.LISTS, List.of("address 1", "user carl"), LONG / 2);

    assertThat(budget.lease(Account.LISTS, List.of("address 2", "user carl")).tryTake(1 << 20))
        .isFalse();
    assertThat(budget.lease(Account.LISTS, List.of("address 1", "user anna")).tryTake(1 << 20))
        .isFalse();
    assertThat(budget.lease(Account.LISTS, List.of("address 2", "user anna")).tryTake(1 << 20))
        .isTrue();
  }

  @ParameterizedTest
  @EnumSource(Account.class)
  void whatIsClosedIsGivenBack(Account account) {
    try (Lease lease = budget.take(account, CARL, 1 << 20)) {
      lease.force(5);
      assertThat(budget.waiting(account)).isEqualTo((1 << 20) + 5);
    }
    assertThat(budget.waiting(account)).isZero();
    assertThat(account.word()).matches("[a-z-]+");
  }

  @Test
  void aClosedLeaseTakesNothing() {
    Lease lease = budget.take(Account.LISTS, CARL, 10);
    lease.close();
    lease.close();

    assertThat(lease.tryTake(LIMIT)).isTrue();
    assertThat(lease.force(LIMIT)).isTrue();
    lease.give(10);
    assertThat(budget.waiting(Account.LISTS)).isZero();
  }

  @Test
  void aRefusalIsCounted() {
    budget.take(Account.LISTS, NONE, LONG);

    assertThatThrownBy(() -> budget.take(Account.LISTS, NONE, 1 << 20))
        .isInstanceOf(MemoryBudget.RefusedException.class);
    assertThatThrownBy(() -> budget.lease(Account.LISTS, NONE).take(1 << 20, Duration.ofMillis(1)))
        .isInstanceOf(MemoryBudget.RefusedException.class);
    assertThat(budget.refusals()).isEqualTo(2);
  }

  @Test
  void whatIsForcedLeavesLessForOthers() {
    Lease forced = budget.lease(Account.REQUEST_BODIES, NONE);
    assertThat(forced.force(LONG)).isTrue();
    assertThat(forced.force(1 << 20)).isFalse();
    assertThat(budget.lease(Account.LISTS, NONE).tryTake(1 << 20)).isFalse();
  }

  @Test
  void oneTreeFitsHoweverLongItIsAndASecondDoesNot() {
    budget.take(Account.LISTS, NONE, LONG);
    Lease tree = budget.take(Account.PARSED_TREES, CARL, 10L * LIMIT);

    assertThat(budget.lease(Account.PARSED_TREES, CARL).tryTake(1 << 20)).isFalse();
    tree.close();
    assertThat(budget.lease(Account.PARSED_TREES, CARL).tryTake(1 << 20)).isTrue();
  }

  @Test
  void whoWaitsHasItAsSoonAsItIsGivenBack() {
    Lease first = budget.take(Account.LISTS, NONE, LONG);
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var second =
          CompletableFuture.runAsync(
              () -> budget.lease(Account.LISTS, NONE).take(LONG, Duration.ofMinutes(1)), threads);
      first.close();
      second.join();
    }
    assertThat(budget.waiting(Account.LISTS)).isEqualTo(LONG);
  }

  @Test
  void aLeaseIsMadeAsLongAsItIsToBe() {
    Lease lease = budget.take(Account.RESPONSES, CARL, 1 << 20);

    assertThat(lease.tryResize(2 << 20)).isTrue();
    assertThat(lease.tryResize(LIMIT)).isFalse();
    assertThat(budget.waiting(Account.RESPONSES)).isEqualTo(2 << 20);
    assertThat(lease.tryResize(3)).isTrue();
    assertThat(budget.waiting(Account.RESPONSES)).isEqualTo(3);
  }

  @Test
  void aBudgetIsNeverTooSmallForTheLongestManifest() {
    var least = new MemoryBudget(1);
    assertThat(least.limit()).isEqualTo(MemoryBudget.MIN_BYTES);
    assertThat(least.lease(Account.REQUEST_BODIES, CARL).tryTake(4 << 20)).isTrue();
    assertThat(MemoryBudget.defaultBytes()).isEqualTo(Runtime.getRuntime().maxMemory() / 4);
  }

  /** In any order of takes and gives of many threads the sums are right, and the bounds hold. */
  @Test
  void manyThreadsLeaveNothingBehind() {
    try (ExecutorService threads = Executors.newFixedThreadPool(8)) {
      List<CompletableFuture<Void>> all =
          IntStream.range(0, 8)
              .mapToObj(seed -> CompletableFuture.runAsync(() -> takeAndGive(seed), threads))
              .toList();
      all.forEach(CompletableFuture::join);
    }
    for (Account account : Account.values()) {
      assertThat(budget.waiting(account)).isZero();
    }
    assertThat(budget.take(Account.LISTS, CARL, LONG / 2)).isNotNull();
  }

  private void takeAndGive(int seed) {
    var random = new SplittableRandom(seed);
    for (int i = 0; i < 2_000; i++) {
      Account account = ALL.get(random.nextInt(ALL.size()));
      try (Lease lease = budget.lease(account, seed % 2 == 0 ? CARL : ANNA)) {
        if (lease.tryTake(random.nextInt(LONG)) && !MAY_EXCEED.contains(account)) {
          assertThat(budget.waiting(account)).isLessThanOrEqualTo(LIMIT);
        }
      }
    }
  }
}
