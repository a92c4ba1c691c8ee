package dev.cistern.storage;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cistern.oci.Digest;
import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.InstantSource;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Files that are set aside instead of deleted: content that no fact names, and damaged content.
 *
 * <pre>
 * quarantine/2026-11-30/sha256-abcd...      content that was stored under that digest
 * quarantine/2026-11-30/upload-ID           any other file
 * quarantine/2026-11-30/NAME.why            note: the former path of NAME, and the reason
 * </pre>
 *
 * <p>The directory is the UTC date on which the file was set aside. After the retention, {@link
 * #expire} removes a file, unless its note reserves it for {@link #empty}. A file without a
 * readable note is reserved too. All files count as used space. A note is durable before its file
 * is moved, so no file lacks a note after a power cut.
 *
 * <p>Safe for all threads. Methods wait for the disk and for each other; {@link #find} holds no
 * lock while it reads files. No memory is used per file.
 */
final class Quarantine {
  /** The way in which a file that was set aside is removed. */
  enum Retention {
    /** {@link #expire} removes the file when it is old enough. */
    EXPIRES,
    /**
     * Only {@link #empty} removes the file. This is for damaged pushed content, of which there may
     * be no other copy.
     */
    RESERVED
  }

  private static final Logger LOG = LoggerFactory.getLogger(Quarantine.class);
  private static final String NOTE = ".why";
  private static final String RESERVED = "removed by: cistern fsck --empty-quarantine only";

  private final Layout layout;
  private final Space space;
  private final InstantSource clock;
  private final Duration retention;

  /** Bytes of all files, notes included; guarded by this. */
  private long bytes;

  /** Files set aside, notes excluded; guarded by this. */
  private long files;

  private Quarantine(Layout layout, Space space, InstantSource clock, Duration retention) {
    this.layout = layout;
    this.space = space;
    this.clock = clock;
    this.retention = retention;
  }

  /**
   * Opens the quarantine and counts its files. Reads the sizes of the files, but none of their
   * content.
   */
  static Quarantine open(Layout layout, Space space, InstantSource clock, Duration retention)
      throws IOException {
    var quarantine = new Quarantine(layout, space, clock, retention);
    quarantine.count();
    return quarantine;
  }

  /** Returns the name under which the content of a digest is set aside. */
  static String nameOf(Digest digest) {
    return digest.algorithm() + "-" + digest.hex();
  }

  /** Returns the bytes of all files that are set aside, notes included. */
  synchronized long bytes() {
    return bytes;
  }

  /** Returns the number of files that are set aside. */
  synchronized long files() {
    return files;
  }

  /**
   * Moves a file of this store into the quarantine, durably. Its bytes are then counted as those of
   * the quarantine. The caller gives back the space that it had counted for the file.
   *
   * @param name name of the file in the quarantine; files of the same name get a number
   * @param why clause for the note, such as "no fact names it"
   * @return false if the file does not exist
   * @throws IOException if the file could not be moved, and is then at its old path, or if the move
   *     could not be synced
   */
  synchronized boolean setAside(Path file, String name, String why, Retention retention)
      throws IOException {
    Path day = layout.quarantine().resolve(today().toString());
    if (!Files.exists(file)) {
      return false;
    }
    Files.createDirectories(day);
    Layout.sync(layout.quarantine());
    Path target = free(day, name);
    long noteBytes = writeNote(target, file, why, retention);
    try {
      long size = Files.size(file);
      Files.move(file, target, StandardCopyOption.ATOMIC_MOVE);
      counted(size + noteBytes, 1);
    } catch (NoSuchFileException e) {
      Files.deleteIfExists(note(target));
      return false;
    }
    Layout.sync(day);
    LOG.atWarn()
        .addKeyValue("file", layout.root().relativize(file))
        .addKeyValue("to", layout.root().relativize(target))
        .addKeyValue("reason", why)
        .log("file set aside");
    return true;
  }

  /**
   * Returns a file that was set aside and whose content has the digest, if there is one. Reads
   * whole files, without blocking other threads.
   */
  Optional<Path> find(Digest digest) throws IOException {
    if (files() == 0) {
      return Optional.empty();
    }
    String name = nameOf(digest);
    for (Path day : days()) {
      try {
        for (Path file : Layout.list(day)) {
          if (nameIn(file).equals(name) && isWhole(file, digest)) {
            return Optional.of(file);
          }
        }
      } catch (NoSuchFileException e) {
        // The files of this day have expired meanwhile.
      }
    }
    return Optional.empty();
  }

  /**
   * Moves a file that {@link #find} returned to {@code target}, replacing an existing file. Its
   * bytes stay counted as used, and belong to the caller from then on.
   *
   * @return false if the file no longer exists
   */
  synchronized boolean takeBack(Path file, Path target) throws IOException {
    try {
      long size = Files.size(file);
      Files.move(file, target, StandardCopyOption.ATOMIC_MOVE);
      bytes -= size;
      files--;
    } catch (NoSuchFileException e) {
      return false;
    }
    remove(note(file));
    LOG.atInfo()
        .addKeyValue("file", layout.root().relativize(target))
        .log("content taken back from the quarantine");
    return true;
  }

  /**
   * Removes the files that are older than the retention and not reserved. Moves files of a future
   * date to the directory of today. Returns the number of removed files.
   */
  synchronized int expire() throws IOException {
    LocalDate today = today();
    LocalDate limit = clock.instant().minus(retention).atOffset(ZoneOffset.UTC).toLocalDate();
    int removed = 0;
    for (Path day : days()) {
      LocalDate date = dateOf(day).orElse(today);
      if (date.isAfter(today)) {
        moveAll(day, layout.quarantine().resolve(today.toString()));
      } else if (date.isBefore(limit)) {
        removed += removeAll(day, false);
      }
    }
    return removed;
  }

  /** Removes all files, including the reserved ones. Returns the number of removed files. */
  synchronized int empty() throws IOException {
    int removed = 0;
    for (Path day : days()) {
      removed += removeAll(day, true);
    }
    return removed;
  }

  private synchronized void count() throws IOException {
    for (Path day : days()) {
      try (DirectoryStream<Path> found = Files.newDirectoryStream(day)) {
        for (Path file : found) {
          counted(Layout.sizeOf(file), isNote(file) ? 0 : 1);
        }
      }
    }
  }

  private void counted(long moreBytes, int moreFiles) {
    bytes += moreBytes;
    files += moreFiles;
    if (moreBytes >= 0) {
      space.found(moreBytes);
    } else {
      space.give(-moreBytes);
    }
  }

  private long writeNote(Path target, Path file, String why, Retention retention)
      throws IOException {
    String text =
        "set aside: "
            + clock.instant()
            + "\nfrom: "
            + layout.root().relativize(file)
            + "\nwhy: "
            + why
            + "\n"
            + (retention == Retention.RESERVED ? RESERVED + "\n" : "");
    byte[] encoded = text.getBytes(UTF_8);
    Layout.writeSynced(note(target), encoded);
    return encoded.length;
  }

  /** Returns whether {@code file} can be read and its content has the digest. Reads all of it. */
  static boolean isWhole(Path file, Digest digest) throws IOException {
    if (!Files.isRegularFile(file)) {
      return false;
    }
    MessageDigest hash = digest.algorithm().newHash();
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      GrowingFile.readInto(hash, channel);
    } catch (ClosedByInterruptException e) {
      throw e;
    } catch (NoSuchFileException e) {
      return false;
    } catch (IOException e) {
      LOG.atWarn().addKeyValue("file", file).setCause(e).log("file cannot be read, not used");
      return false;
    }
    return Digest.ofHash(digest.algorithm(), hash.digest()).equals(digest);
  }

  private int removeAll(Path day, boolean alsoReserved) throws IOException {
    int removed = 0;
    int kept = 0;
    for (Path file : Layout.list(day)) {
      if (isNote(file)) {
        continue;
      }
      if (alsoReserved || mayExpire(file)) {
        remove(file);
        remove(note(file));
        removed++;
      } else {
        kept++;
      }
    }
    if (kept == 0) {
      for (Path note : Layout.list(day)) {
        remove(note);
      }
      Files.deleteIfExists(day);
    }
    return removed;
  }

  private void moveAll(Path day, Path to) throws IOException {
    Files.createDirectories(to);
    Layout.sync(layout.quarantine());
    for (Path file : Layout.list(day)) {
      if (!isNote(file)) {
        Path target = free(to, nameIn(file));
        if (Files.exists(note(file))) {
          Files.move(note(file), note(target), StandardCopyOption.ATOMIC_MOVE);
        }
        Files.move(file, target, StandardCopyOption.ATOMIC_MOVE);
      }
    }
    for (Path note : Layout.list(day)) {
      remove(note);
    }
    Files.deleteIfExists(day);
    Layout.sync(to);
  }

  private void remove(Path file) throws IOException {
    long size = Layout.sizeOf(file);
    if (Files.deleteIfExists(file)) {
      counted(-size, isNote(file) ? 0 : -1);
    }
  }

  private static boolean mayExpire(Path file) throws IOException {
    try {
      String text = Files.readString(note(file));
      return text.endsWith("\n") && !text.contains(RESERVED);
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  private List<Path> days() throws IOException {
    var days = new ArrayList<Path>();
    for (Path day : Layout.list(layout.quarantine())) {
      if (dateOf(day).isPresent()) {
        days.add(day);
      }
    }
    return days;
  }

  private static Optional<LocalDate> dateOf(Path day) {
    try {
      return Optional.of(LocalDate.parse(String.valueOf(day.getFileName())));
    } catch (DateTimeException e) {
      return Optional.empty();
    }
  }

  private LocalDate today() {
    return clock.instant().atOffset(ZoneOffset.UTC).toLocalDate();
  }

  private static Path free(Path day, String name) {
    int n = 0;
    while (Files.exists(numbered(day, name, n))) {
      n++;
    }
    return numbered(day, name, n);
  }

  private static Path numbered(Path day, String name, int n) {
    return day.resolve(n == 0 ? name : name + "." + n);
  }

  private static String nameIn(Path file) {
    return String.valueOf(file.getFileName()).replaceFirst("\\.\\d+$", "");
  }

  private static Path note(Path file) {
    return file.resolveSibling(file.getFileName() + NOTE);
  }

  private static boolean isNote(Path file) {
    return String.valueOf(file.getFileName()).endsWith(NOTE);
  }
}
