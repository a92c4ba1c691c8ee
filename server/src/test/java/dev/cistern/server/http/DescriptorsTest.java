package dev.cistern.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.server.http.Descriptors.Room;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DescriptorsTest {
  private static final long SECOND = 1_000_000_000L;

  private final AtomicLong most = new AtomicLong(1_000);
  private final AtomicLong open = new AtomicLong();
  private final AtomicLong nanos = new AtomicLong();
  private final Descriptors descriptors = new Descriptors(most::get, open::get, nanos::get);

  @ParameterizedTest
  @CsvSource({"10256, 10000", "10255, 9999", "300, 44", "200, 1"})
  void theConnectionsAreAsManyAsThereAreDescriptorsFor(long limit, int connections) {
    most.set(limit);

    assertThat(descriptors.fit(HttpLimits.USUAL).connections()).isEqualTo(connections);
    assertThat(descriptors.fit(HttpLimits.USUAL).connectionsPerClient()).isEqualTo(connections);
  }

  @Test
  void theReserveIsForTheStore() {
    open.set(1_000 - Descriptors.RESERVE - 1);
    assertThat(descriptors.take()).as("the last that is free").isEqualTo(Room.SHORT);

    open.incrementAndGet();
    nanos.addAndGet(SECOND);
    assertThat(descriptors.take()).isEqualTo(Room.RESERVE);
  }

  @Test
  void idleConnectionsHaveToCloseBeforeAnyIsRefused() {
    open.set(1_000 - 2 * Descriptors.RESERVE - 1);
    assertThat(descriptors.take()).as("the last before that").isEqualTo(Room.ENOUGH);

    open.incrementAndGet();
    nanos.addAndGet(SECOND);
    assertThat(descriptors.take()).isEqualTo(Room.SHORT);
  }

  @Test
  void connectionsThatCameSinceTheCountAreCounted() {
    open.set(1_000 - Descriptors.RESERVE - 100);
    for (int i = 0; i < 100; i++) {
      assertThat(descriptors.take()).as("connection %d", i).isNotEqualTo(Room.RESERVE);
      open.incrementAndGet();
    }
    assertThat(descriptors.take()).isEqualTo(Room.RESERVE);
  }

  @Test
  void aFloodOfConnectionsIsNoFloodOfCounts() {
    var counts = new AtomicLong();
    var used = new Descriptors(most::get, () -> 1_000 + counts.getAndIncrement(), nanos::get);
    for (int i = 0; i < 10_000; i++) {
      assertThat(used.take()).isEqualTo(Room.RESERVE);
    }
    assertThat(counts).hasValue(1);

    nanos.addAndGet(SECOND / 10);
    assertThat(used.take()).isEqualTo(Room.RESERVE);
    assertThat(counts).hasValue(2);
  }

  @Test
  void aLimitThatIsLoweredMeanwhileIsSeenWithinASecond() {
    assertThat(descriptors.take()).isEqualTo(Room.ENOUGH);
    most.set(Descriptors.RESERVE);
    nanos.addAndGet(SECOND);

    assertThat(descriptors.take()).isEqualTo(Room.RESERVE);
  }
}
