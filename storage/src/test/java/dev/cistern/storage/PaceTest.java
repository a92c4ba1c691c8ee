package dev.cistern.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PaceTest {
  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

  private final AtomicLong nanos = new AtomicLong(123_456_789);

  @ParameterizedTest
  @CsvSource({
    "20971520, 262144, 0",
    "20971520, 262144, 3000000",
    "1048576, 262144, 100000",
    "52428800, 7, 10",
    "1000, 300, 250000000"
  })
  void theRateIsHeldWithinATenthOverTenSeconds(long rate, int piece, long workNanos)
      throws IOException {
    Pace pace = pace(rate);
    long bytes = 0;
    long begun = nanos.get();
    while (nanos.get() - begun < 10 * SECOND) {
      pace.spend(piece);
      bytes += piece;
      nanos.addAndGet(workNanos);
    }

    double seconds = (nanos.get() - begun) / (double) SECOND;
    assertThat(bytes / seconds).isCloseTo((double) rate, Percentage.withPercentage(10));
  }

  @Test
  void afterAPauseOnlyASecondIsMadeGood() throws IOException {
    Pace pace = pace(1_000);
    pace.spend(1_000);
    nanos.addAndGet(60 * SECOND);
    long begun = nanos.get();

    for (int i = 0; i < 5; i++) {
      pace.spend(1_000);
    }

    assertThat(nanos.get() - begun).isCloseTo(3 * SECOND, within(SECOND / 100));
  }

  private Pace pace(long rate) {
    return new Pace(rate, nanos::get, nanos::addAndGet);
  }
}
