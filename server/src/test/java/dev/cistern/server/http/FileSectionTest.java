package dev.cistern.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class FileSectionTest {
  private static final int SIZE = 10;

  static Stream<Arguments> failures() {
    return Stream.of(
        Arguments.of(new ReplyCutException(new IOException("a piece is missing")), SIZE, true),
        Arguments.of(new IOException("Input/output error"), SIZE, true), // the same without epoll
        Arguments.of(new IOException("Underlying file size 9 smaller then"), SIZE - 1, true),
        Arguments.of(new IOException("Connection reset by peer"), SIZE, false),
        Arguments.of(new ClosedChannelException(), SIZE, false));
  }

  @ParameterizedTest
  @MethodSource("failures")
  void aFailureIsTheFilesOrTheConnections(
      IOException failure, int actualSize, boolean isTheFiles, @TempDir Path directory)
      throws IOException {
    Path file = Files.write(directory.resolve("blob"), new byte[actualSize]);
    try (FileChannel channel = FileChannel.open(file)) {
      assertThat(new FileSection(channel, 2, SIZE - 2).isAtFault(failure)).isEqualTo(isTheFiles);
    }
  }
}
