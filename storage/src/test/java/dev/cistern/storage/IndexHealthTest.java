package dev.cistern.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class IndexHealthTest {
  private final IOException cause = new IOException("cause");

  private final AtomicLong nanos = new AtomicLong(Long.MAX_VALUE - 5); // overflows on the way
  private final IndexHealth health = new IndexHealth(nanos::get);

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "EMFILE | While open a file: /x/1.log: Too many open files",
        "ENFILE | While open a file: /x/1.log: Too many open files in system",
        "EIO    | While fsync: /x/1.log: Input/output error",
        "EDQUOT | While appending to file: /x/1.log: Disk quota exceeded",
        "EROFS  | While open a file: /x/1.sst: Read-only file system",
        "EACCES | While open a file: /x/1.sst: Permission denied",
        "EACCES | While open a file: /x/1.sst: Operation not permitted",
        "ENOSPC | IO error: No space left on device",
        "CORRUPTION | Corruption: bad block",
        "OTHER  | what nobody foresaw"
      })
  void errorsAreToldFromTheWordsOfTheSystem(StorageError error, String message) {
    assertThat(StorageError.of(new IOException(message))).isEqualTo(error);
  }

  @Test
  void itIsTriedAtOnceThenAfterTwiceTheTimeUpToHalfAMinute() {
    for (int seconds : new int[] {0, 1, 2, 4, 8, 16, 30, 30}) {
      health.failed(StorageError.EMFILE, cause);
      assertThat(health.nanosToRetry()).isEqualTo(Duration.ofSeconds(seconds).toNanos());
      nanos.addAndGet(health.nanosToRetry());
    }
    assertThat(health.unrecoverable()).as("descriptors come back").isNotDone();
    assertThat(health.errors(StorageError.EMFILE)).isEqualTo(8);

    health.resumed();
    assertThat(health.error()).isEmpty();
    nanos.addAndGet(Duration.ofSeconds(29).toNanos());
    health.failed(StorageError.EMFILE, cause);
    assertThat(health.nanosToRetry()).as("a relapse").isPositive();

    health.resumed();
    nanos.addAndGet(Duration.ofSeconds(30).toNanos());
    health.failed(StorageError.EMFILE, cause);
    assertThat(health.nanosToRetry()).isZero();
  }

  @ParameterizedTest
  @EnumSource
  void onlyAnInputOutputErrorOrAReadOnlyFileSystemThatLastsEndsTheProcess(StorageError error) {
    health.failed(error, cause);
    nanos.addAndGet(IndexHealth.MAX_LASTING.toNanos() - 1);
    health.failed(error, cause);
    assertThat(health.unrecoverable()).isNotDone();

    nanos.incrementAndGet();
    health.failed(error, cause);

    boolean isFinal = error == StorageError.EIO || error == StorageError.EROFS;
    assertThat(health.unrecoverable().isDone()).isEqualTo(isFinal);
    if (isFinal) {
      assertThat(health.unrecoverable())
          .isCompletedWithValue("the index cannot be written: " + error.text() + " for 60 s");
    }
  }

  @Test
  void damageThatOpeningAnewDoesNotHealEndsTheProcess() {
    health.failed(StorageError.EMFILE, cause);
    health.resumed();
    health.failed(StorageError.CORRUPTION, cause);
    assertThat(health.unrecoverable()).as("the first time").isNotDone();
    health.resumed();
    nanos.addAndGet(Duration.ofDays(1).toNanos());

    health.failed(StorageError.CORRUPTION, cause);

    assertThat(health.unrecoverable()).isDone();
  }

  @Test
  void aWriterThatIsBusyIsTimed() {
    assertThat(health.busyFor()).isZero();
    health.busy();
    nanos.addAndGet(Duration.ofSeconds(61).toNanos());
    assertThat(health.busyFor()).isEqualTo(Duration.ofSeconds(61));
    health.idle();
    assertThat(health.busyFor()).isZero();
  }
}
