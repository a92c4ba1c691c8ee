package dev.cistern.storage;

import static dev.cistern.storage.Pushes.bytes;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class ReadSetTest {
  private final ReadSet reads = new ReadSet();

  @Test
  void keysThatWereReadAreKnownHoweverMany() {
    for (int i = 0; i < 10_000; i++) {
      reads.addKey(bytes("key " + i));
    }

    for (int i = 0; i < 10_000; i++) {
      assertThat(reads.hasAny(List.of(bytes("key " + i)))).isTrue();
      assertThat(reads.hasAny(List.of(bytes("other " + i)))).isFalse();
    }
    assertThat(reads.hasAny(List.of(bytes("key"), bytes("key 0 ")))).isFalse();
  }

  @Test
  void keysThatStartWithAPrefixThatWasReadAreKnown() {
    reads.addPrefix(bytes("a/"));
    reads.addPrefix(bytes("longer/prefix/"));

    for (String key : List.of("a/", "a/b", "longer/prefix/x")) {
      assertThat(reads.hasAny(List.of(bytes("none"), bytes(key)))).as(key).isTrue();
    }
    for (String key : List.of("a", "b/a/", "longer/prefix", "", "longer/other/")) {
      assertThat(reads.hasAny(List.of(bytes(key)))).as(key).isFalse();
    }
  }
}
