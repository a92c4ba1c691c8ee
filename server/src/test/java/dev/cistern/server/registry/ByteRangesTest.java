package dev.cistern.server.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.oci.OciException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ByteRangesTest {
  @ParameterizedTest
  @CsvSource({
    "bytes=0-0,       0,  1",
    "bytes=0-99,      0,  100",
    "bytes=10-,       10, 90",
    "bytes=-10,       90, 10",
    "bytes=-1000,     0,  100",
    "bytes=99-1000,   99, 1",
    "bytes= 5 - 6,    0,  0",
    "bytes=5-6,       5,  2"
  })
  void oneRangeOfAHundredBytes(String header, long from, long count) {
    if (count == 0) {
      assertThat(ByteRanges.parse(header, 100)).isEmpty();
    } else {
      assertThat(ByteRanges.parse(header, 100)).containsExactly(new ByteRanges.Range(from, count));
    }
  }

  @Test
  void severalRangesKeepTheirOrderAndDropWhatIsBeyond() {
    assertThat(ByteRanges.parse("bytes=50-59, 0-9,200-300", 100))
        .containsExactly(new ByteRanges.Range(50, 10), new ByteRanges.Range(0, 10));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "items=0-1",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=9-5",
        "bytes=0-1,x",
        "bytes=1"
      })
  void whatIsNotUnderstoodIsIgnored(String header) {
    assertThat(ByteRanges.parse(header, 100)).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"bytes=100-", "bytes=100-200", "bytes=-0"})
  void nothingThatIsThereIsAnError(String header) {
    assertThatThrownBy(() -> ByteRanges.parse(header, 100))
        .isInstanceOfSatisfying(OciException.class, e -> assertThat(e.status()).isEqualTo(416));
  }

  @Test
  void anEmptyContentHasNoRange() {
    assertThatThrownBy(() -> ByteRanges.parse("bytes=0-", 0)).isInstanceOf(OciException.class);
  }

  @Test
  void rangesThatAreMoreThanTheWholeAreTheWhole() {
    assertThat(ByteRanges.parse("bytes=0-99,0-99", 100)).isEmpty();
    assertThat(ByteRanges.parse("bytes=0-49,50-99", 100)).hasSize(2);
  }

  @Test
  void tooManyRangesAreRefused() {
    String header = "bytes=" + "0-1,".repeat(40) + "0-1";

    assertThatThrownBy(() -> ByteRanges.parse(header, 100)).isInstanceOf(OciException.class);
  }
}
