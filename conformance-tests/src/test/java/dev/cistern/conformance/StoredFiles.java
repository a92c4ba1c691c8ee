package dev.cistern.conformance;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** The files of a server's blobs, and what a disk may do to them. */
record StoredFiles(Path data) {
  private static final int PLACE = 5_000;

  /** Damage of a file that has at least 5,001 bytes. */
  enum Fault {
    FLIPPED {
      @Override
      void plant(Path file) {
        change(
            file,
            channel -> {
              ByteBuffer one = ByteBuffer.allocate(1);
              channel.read(one, PLACE);
              one.put(0, (byte) (one.get(0) ^ 1)).flip();
              channel.write(one, PLACE);
            });
      }
    },
    CUT {
      @Override
      void plant(Path file) {
        change(file, channel -> channel.truncate(PLACE));
      }
    },
    LOST {
      @Override
      void plant(Path file) {
        try {
          Files.delete(file);
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      }
    };

    abstract void plant(Path file);

    private interface Change {
      void apply(FileChannel channel) throws IOException;
    }

    private static void change(Path file, Change change) {
      try (FileChannel channel =
          FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
        change.apply(channel);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  /** Returns the file of a sha256 blob. */
  Path file(String digest) {
    String hex = digest.substring("sha256:".length());
    return data.resolve("blobs/sha256").resolve(hex.substring(0, 2)).resolve(hex);
  }

  boolean has(String digest) {
    return Files.exists(file(digest));
  }

  void plant(Fault fault, String digest) {
    fault.plant(file(digest));
  }
}
