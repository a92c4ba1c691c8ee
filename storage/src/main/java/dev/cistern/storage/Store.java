package dev.cistern.storage;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * All that is kept, in one directory: content by digest in files, the facts about it in an index.
 *
 * <p>Order of durability: file synced, renamed, directory synced, then the facts with their log
 * synced; never a fact before its content. So after a kill at any instant all that was acknowledged
 * is there and whole, and what was not leaves at most a file in {@code fills} or {@code uploads},
 * which is gone on with or expires, or a blob's file that no fact names, which is replaced when the
 * blob comes again. Opening reads none of the content.
 */
public final class Store implements AutoCloseable {
  private final Layout layout;
  private final FileChannel lock;
  private final Index index;
  private final Blobs blobs;
  private final Repositories repositories;
  private final Uploads uploads;
  private final InstantSource clock;

  private Store(Layout layout, FileChannel lock, Index index, Space space, InstantSource clock) {
    this.layout = layout;
    this.lock = lock;
    this.index = index;
    this.clock = clock;
    var versions = new Versions();
    this.blobs = new Blobs(layout, index, space, clock, versions);
    this.repositories = new Repositories(index, clock, versions);
    this.uploads = new Uploads(layout, index, space, blobs, clock);
  }

  /**
   * Opens the store in {@code directory}, made if it is not there.
   *
   * @throws IOException if it cannot be read or written, or another process has it open
   */
  public static Store open(Path directory, InstantSource clock) throws IOException {
    var layout = new Layout(directory);
    layout.create();
    FileChannel lock =
        FileChannel.open(layout.lock(), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    if (tryLock(lock) == null) {
      lock.close();
      throw new IOException("another process has the store in " + directory + " open");
    }
    return new Store(
        layout, lock, Index.open(layout.index()), new Space(Files.getFileStore(directory)), clock);
  }

  public Blobs blobs() {
    return blobs;
  }

  public Repositories repositories() {
    return repositories;
  }

  public Uploads uploads() {
    return uploads;
  }

  /**
   * Removes downloads to which nothing was added for {@code idle} and which {@code running} does
   * not name; returns how many. The names are those of the files: {@code sha256-HEX}.
   */
  public int expireFills(Duration idle, Predicate<String> running) throws IOException {
    Instant limit = clock.instant().minus(idle);
    int expired = 0;
    try (DirectoryStream<Path> files = Files.newDirectoryStream(layout.fills())) {
      for (Path file : files) {
        if (!running.test(file.getFileName().toString())
            && Files.getLastModifiedTime(file).toInstant().isBefore(limit)
            && Files.deleteIfExists(file)) {
          expired++;
        }
      }
    }
    return expired;
  }

  @Override
  public void close() throws IOException {
    uploads.close();
    index.close();
    lock.close();
  }

  private static @Nullable FileLock tryLock(FileChannel channel) throws IOException {
    try {
      return channel.tryLock();
    } catch (OverlappingFileLockException e) {
      return null;
    }
  }
}
