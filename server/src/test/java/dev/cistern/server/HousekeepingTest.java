package dev.cistern.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.storage.Store;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HousekeepingTest {
  private static final Duration INTERVAL = Duration.ofMillis(5);

  @TempDir private Path directory;

  @Test
  void whatFailedAfterTheStartIsDoneLater() throws IOException {
    try (Store store = Store.open(directory, InstantSource.system())) {
      Path uploads = directory.resolve("uploads");
      Path hidden = Files.move(uploads, directory.resolve("hidden"));
      var rounds = new AtomicInteger();
      try (var housekeeping = new Housekeeping(store, _ -> rounds.incrementAndGet(), INTERVAL)) {
        housekeeping.start();
        await().until(() -> rounds.get() > 1);
        Path leftover = Files.createFile(hidden.resolve("leftover"));
        Files.move(hidden, uploads);

        await().until(() -> !Files.exists(uploads.resolve(leftover.getFileName())));
      }
    }
    assertThat(quarantine()).contains("upload-leftover");
  }

  @Test
  void anErrorOfOneStepKeepsNoOtherFromBeingTaken() throws IOException {
    try (Store store = Store.open(directory, InstantSource.system())) {
      var rounds = new AtomicInteger();
      Housekeeping.Fills failing =
          _ -> {
            rounds.incrementAndGet();
            throw new FileSystemException("fills", null, "Too many open files");
          };
      try (var housekeeping = new Housekeeping(store, failing, INTERVAL)) {
        housekeeping.start();

        await().until(() -> rounds.get() > 2);
      }
    }
  }

  private String quarantine() throws IOException {
    try (var files = Files.walk(directory.resolve("quarantine"))) {
      return files.toList().toString();
    }
  }
}
