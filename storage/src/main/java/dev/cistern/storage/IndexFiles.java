package dev.cistern.storage;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Optional;
import java.util.Properties;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.BloomFilter;
import org.rocksdb.ColumnFamilyOptions;
import org.rocksdb.CompressionType;
import org.rocksdb.DBOptions;
import org.rocksdb.InfoLogLevel;
import org.rocksdb.Options;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.Status;
import org.rocksdb.WALRecoveryMode;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Files of the index: the directory of its database, and the {@link SequenceMark} beside it. Opens
 * the database, or refuses a damaged or incomplete one.
 *
 * <p>Damage of the log is an error, except in an incomplete last record. A missing log file is an
 * error too. RocksDB tracks the complete log files, and the mark has the sequence number that the
 * last log file must reach. This number is compared before the database is opened for writing,
 * because opening it rewrites the log. An index that was refused can therefore still be repaired.
 */
final class IndexFiles implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(IndexFiles.class);
  private static final long WRITE_BUFFER_BYTES = 16L << 20;
  private static final long MAX_LOG_BYTES = 64L << 20;
  private static final int MAX_PROBED_FILES = 1_000;
  private static final String MISSING = "No such file or directory";

  static {
    RocksDB.loadLibrary();
  }

  private final Path directory;
  private final BloomFilter bloom = new BloomFilter(10);
  private final Options options;

  IndexFiles(Path directory) {
    this.directory = directory;
    this.options = options(true, WALRecoveryMode.TolerateCorruptedTailRecords);
  }

  /**
   * Returns the options. The tracking of log files is set by a property, because the Java API has
   * no method for it.
   */
  private Options options(boolean isTracking, WALRecoveryMode recovery) {
    var tracking = new Properties();
    tracking.setProperty("track_and_verify_wals_in_manifest", String.valueOf(isTracking));
    try (DBOptions database = DBOptions.getDBOptionsFromProps(tracking);
        var family = new ColumnFamilyOptions()) {
      return new Options(database, family)
          .setWriteBufferSize(WRITE_BUFFER_BYTES)
          .setMaxTotalWalSize(MAX_LOG_BYTES)
          .setWalRecoveryMode(recovery)
          .setCompressionType(CompressionType.LZ4_COMPRESSION)
          .setInfoLogLevel(InfoLogLevel.WARN_LEVEL)
          .setKeepLogFileNum(2)
          .setTableFormatConfig(new BlockBasedTableConfig().setFilterPolicy(bloom));
    }
  }

  /** Returns whether there is an index, that is, any file in its directory. */
  static boolean isThere(Path directory) throws IOException {
    return Files.isDirectory(directory)
        && Layout.list(directory).stream().anyMatch(Files::isRegularFile);
  }

  /**
   * Returns the file with the sequence number that the log must reach. It is beside the index, not
   * in it.
   */
  Path mark() {
    return directory.resolveSibling("acknowledged");
  }

  /**
   * Opens the database.
   *
   * @param mayCreate whether a new database is created if the directory has no file; otherwise such
   *     a directory is refused
   */
  RocksDB open(boolean mayCreate) throws IOException {
    boolean isNew = !isThere(directory);
    if (isNew && !mayCreate) {
      throw new StoreRefusedException(directory + " is empty: the index was there and is gone");
    }
    long required = isNew ? 0 : required();
    if (required > 0) {
      requireReached(required);
    }
    try {
      return RocksDB.open(options.setCreateIfMissing(isNew), directory.toString());
    } catch (RocksDBException e) {
      throw refusal(e);
    }
  }

  /** Opens the database up to the last intact record of its log, whatever follows. */
  Repaired repair() throws IOException {
    long required = required();
    LogEnd end = LogEnd.of(directory);
    try (Options lenient = options(false, WALRecoveryMode.PointInTimeRecovery)) {
      RocksDB database = RocksDB.open(lenient, directory.toString());
      long lost = Math.max(0, required - database.getLatestSequenceNumber());
      return new Repaired(database, lost, end.unreadBytes());
    } catch (RocksDBException e) {
      throw refusal(e);
    }
  }

  /**
   * A repaired database and the extent of its loss.
   *
   * @param lostChanges number of acknowledged changes after the last intact record; 0 if none is
   *     known
   * @param unreadBytes bytes of the log after that record
   */
  record Repaired(RocksDB database, long lostChanges, long unreadBytes) {}

  /**
   * Tests the operations that opening the database needs. Creates, syncs and removes a file, and
   * opens all files of the directory at once, at most 1,000.
   *
   * @throws IOException with the error of the operating system
   */
  void probe() throws IOException {
    Layout.probe(directory);
    var opened = new ArrayList<FileChannel>();
    try {
      for (Path file : Layout.list(directory)) {
        if (opened.size() < MAX_PROBED_FILES && Files.isRegularFile(file)) {
          opened.add(FileChannel.open(file, StandardOpenOption.READ));
        }
      }
    } finally {
      for (FileChannel each : opened) {
        each.close();
      }
    }
  }

  @Override
  public void close() {
    options.close();
    bloom.close();
  }

  private long required() throws IOException {
    Optional<SequenceMark.Reached> reached = SequenceMark.read(mark());
    if (reached.isEmpty() && Files.exists(mark())) {
      LOG.atWarn().addKeyValue("file", mark()).log("end of the index log not checked");
    }
    return reached.map(found -> found.required(SequenceMark.boot())).orElse(0L);
  }

  private void requireReached(long required) throws IOException {
    LogEnd end = LogEnd.of(directory);
    if (end.sequence() >= required) {
      return;
    }
    long sequence = sequence();
    if (sequence < required) {
      throw refused(
          end.file()
                  .map(file -> file + " ends at byte " + end.offset())
                  .orElse(directory + " has no log, so it ends")
              + ", before the last %,d acknowledged changes".formatted(required - sequence));
    }
  }

  /** Returns the sequence number of the last change. Changes no file. */
  private long sequence() throws IOException {
    try (RocksDB reading = RocksDB.openReadOnly(options, directory.toString())) {
      return reading.getLatestSequenceNumber();
    } catch (RocksDBException e) {
      throw refusal(e);
    }
  }

  /** Returns the exception for a database that was not opened: a refusal, or a system error. */
  private IOException refusal(RocksDBException e) throws IOException {
    String message = String.valueOf(e.getMessage());
    Status status = e.getStatus();
    boolean isError = status == null || status.getCode() == Status.Code.IOError;
    if (isError && !message.contains(MISSING)) {
      return new IOException("cannot open the index in " + directory + ": " + message, e);
    }
    LogEnd end = LogEnd.of(directory);
    if (end.state() == LogEnd.State.DAMAGED && end.file().isPresent()) {
      return refused(end.file().get() + " is damaged at byte " + end.offset());
    }
    if (message.contains("WAL")) {
      return refused(directory + " has lost a part of its log (" + message + ")");
    }
    return damaged(directory, message, e);
  }

  /** Returns the refusal of an index with a damaged table. */
  static StoreRefusedException damaged(Path directory, String how, Exception cause) {
    return new StoreRefusedException(
        directory
            + " is damaged: "
            + how
            + "; nothing was changed. Restore index/ from a backup, or move it away and keep the"
            + " content for reuse under a new index: cistern fsck --data "
            + directory.getParent()
            + " --adopt",
        cause);
  }

  private StoreRefusedException refused(String what) {
    return new StoreRefusedException(
        what
            + "; nothing was changed. Restore index/ from a backup, or open it up to the last good"
            + " record: cistern fsck --data "
            + directory.getParent()
            + " --repair (it reports what is lost and deletes no content)");
  }
}
