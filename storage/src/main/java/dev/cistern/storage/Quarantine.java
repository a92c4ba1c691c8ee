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
 * quarantine/2026-11-30/NAME.why            where NAME came from, and why
 * </pre>
 *
 * <p>The directory is the UTC date on which the file was set aside. A file is removed by {@link
 * #expire} after the retention, unless its note reserves it for {@link #empty}; without a readable
 * note it is reserved too. All files count as used space. A note is durable before its file is
 * moved, so no file is without one after a power cut.
 *
 * <p>Safe for all threads. Methods wait for the disk and for each other, except {@link #find}.
 * Nothing is kept in memory for a file.
 */
final class Quarantine {
  /** The way in which a file that was set aside is removed. */
  enum Retention {
    /** {@link #expire}, when the file is old enough. */
    EXPIRES,
    /** {@link #empty} only: damaged pushed content, of which there may be no other copy. */
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

  /** Counts what is there. Reads the sizes of the files, none of their content. */
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

  /** Returns the bytes of all files that are set aside. */
  synchronized long bytes() {
    return bytes;
  }

  /** Returns how many files are set aside. */
  synchronized long files() {
    return files;
  }

  /**
   * Moves a file of this store here, durably. Its bytes are counted as those of the quarantine; the
   * caller gives back what it had counted for the file.
   *
   * @param name what it is called here; several of one name are kept apart
   * @param why a clause for the note, such as "no fact names it"
   * @return false if there is no such file
   * @throws IOException if it could not be moved; it is then where it was
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
   * Returns a file that was set aside and has the digest, if there is one. Reads all of it, without
   * holding up others.
   */
  Optional<Path> find(Digest digest) throws IOException {
    if (files() == 0) {
      return Optional.empty();
    }
    for (Path day : days()) {
      String name = nameOf(digest);
      for (int n = 0; Files.exists(numbered(day, name, n)); n++) {
        if (isWhole(numbered(day, name, n), digest)) {
          return Optional.of(numbered(day, name, n));
        }
      }
    }
    return Optional.empty();
  }

  /**
   * Moves a file of {@link #find} to {@code target}, replacing what is there. Its bytes stay
   * counted as used, and are the caller's from then on.
   *
   * @return false if the file is gone
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

  /** Removes what is older than the retention and not reserved; returns how many files. */
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

  /** Removes all files, the reserved ones too; returns how many. */
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

  /** Returns whether the content of a file has a digest; reads all of it. */
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
