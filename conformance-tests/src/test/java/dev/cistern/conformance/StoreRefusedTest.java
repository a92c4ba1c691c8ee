package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A start with a data directory that is not what it was, after a kill: it is refused with status 3,
 * nothing is deleted, and when the part is put back every acknowledged push is served.
 */
class StoreRefusedTest {
  private static final String REPOSITORY = "/v2/team/app";
  private static final String OCTETS = "application/octet-stream";
  private static final int BLOBS = 5;

  @TempDir private Path directory;

  /** What happens to the data directory. */
  enum Damage {
    INDEX_MISSING("index", "index is missing, but 5 blobs (320 KiB) are stored; nothing was") {
      @Override
      void apply(Path part) throws IOException {
        remove(part);
      }
    },
    INDEX_NOT_MOUNTED("index", "index is missing, but 5 blobs (320 KiB) are stored; nothing was") {
      @Override
      void apply(Path part) throws IOException {
        remove(part);
        Files.createDirectory(part);
      }
    },
    CONTENT_NOT_MOUNTED("blobs", "index has facts of 5 blobs (320 KiB), but ") {
      @Override
      void apply(Path part) throws IOException {
        remove(part);
        Files.createDirectory(part);
      }
    },
    BIT_OF_THE_LOG_FLIPPED("index", ".log is damaged at byte ") {
      @Override
      void apply(Path part) throws IOException {
        Path log = log(part);
        byte[] content = Files.readAllBytes(log);
        content[content.length / 2] ^= 4;
        Files.write(log, content);
      }
    },
    LOG_CUT("index", " acknowledged changes; nothing was changed.") {
      @Override
      void apply(Path part) throws IOException {
        Path log = log(part);
        byte[] content = Files.readAllBytes(log);
        Files.write(log, Arrays.copyOf(content, content.length - 100));
      }
    },
    FLIPPED_TABLE("index", " is damaged: block checksum mismatch") {
      @Override
      void prepare(Path data) {
        CisternServer.start(data).kill(); // a start writes what is in the log to a table
      }

      @Override
      void apply(Path part) throws IOException {
        for (Path table : files(part, ".sst")) {
          byte[] content = Files.readAllBytes(table);
          content[5] ^= 1;
          Files.write(table, content);
        }
      }
    };

    private final String part;
    private final String message;

    Damage(String part, String message) {
      this.part = part;
      this.message = message;
    }

    /** Brings the store into a state in which it can be damaged so. */
    void prepare(Path data) {}

    abstract void apply(Path part) throws IOException;
  }

  @ParameterizedTest
  @EnumSource
  void aDamagedStoreIsRefusedWithStatus3AndServesAllWhenThePartIsPutBack(Damage damage)
      throws IOException, InterruptedException {
    Path data = directory.resolve("data");
    var blobs = new ArrayList<Sample>();
    try (CisternServer server = CisternServer.start(data);
        HttpCalls calls = new HttpCalls(server, Fuse.endless())) {
      for (int i = 0; i < BLOBS; i++) {
        Sample blob = Sample.seeded(i, 64 << 10);
        HttpCalls.Reply reply =
            calls.send(
                "POST",
                REPOSITORY + "/blobs/uploads/?digest=" + blob.digest(),
                blob.bytes(),
                "Content-Type",
                OCTETS);
        assertThat(reply.status()).isEqualTo(201);
        blobs.add(blob);
      }
      server.kill();
    }
    damage.prepare(data);
    Path part = data.resolve(damage.part);
    Path kept = directory.resolve("kept");
    copy(part, kept);
    damage.apply(part);
    List<Path> before = contentOf(data);

    CisternCommand refused =
        CisternCommand.run("serve", "--data", data.toString(), "--listen", "127.0.0.1:0");

    assertThat(refused.status()).as(refused.output()).isEqualTo(3);
    assertThat(refused.output())
        .contains("error: " + data)
        .contains(damage.message)
        .contains("cistern fsck --data " + data + " --")
        .doesNotContain("Exception", "\tat ");
    assertThat(contentOf(data)).isEqualTo(before);

    remove(part);
    copy(kept, part);
    try (CisternServer server = CisternServer.start(data);
        HttpCalls calls = new HttpCalls(server, Fuse.endless())) {
      for (Sample blob : blobs) {
        HttpCalls.Reply reply = calls.send("GET", REPOSITORY + "/blobs/" + blob.digest());
        assertThat(Sample.digest(reply.body())).isEqualTo(blob.digest());
      }
    }
  }

  private static List<Path> contentOf(Path data) throws IOException {
    try (Stream<Path> files = Files.walk(data.resolve("blobs"))) {
      return files.filter(Files::isRegularFile).sorted().toList();
    }
  }

  private static Path log(Path index) throws IOException {
    return files(index, ".log").stream().max(Comparator.naturalOrder()).orElseThrow();
  }

  private static List<Path> files(Path index, String suffix) throws IOException {
    try (Stream<Path> files = Files.list(index)) {
      return files.filter(file -> file.toString().endsWith(suffix)).toList();
    }
  }

  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : files.toList()) {
        Files.copy(file, to.resolve(from.relativize(file).toString()));
      }
    }
  }

  private static void remove(Path path) throws IOException {
    if (!Files.exists(path)) {
      return;
    }
    List<Path> files;
    try (Stream<Path> found = Files.walk(path)) {
      files = found.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path file : files) {
      Files.delete(file);
    }
  }
}
