package dev.cistern.storage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.UUID;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The file beside the index that states how far the log of the index must reach. With it, a log
 * that was cut, lost or replaced by an older one is detected.
 *
 * <p>After each group of changes, and before any of them is acknowledged, the index writer stores
 * two sequence numbers. One is that of the last change of the group, the other that of the last
 * change whose group was synced. They are written after the log, so they are never ahead of it.
 * They are not synced, so they cost no wait:
 *
 * <ul>
 *   <li>After a kill of the process, the operating system still has all written data. If the
 *       machine has not been booted since, the log must reach the last change, even if that one was
 *       only visible.
 *   <li>After a power cut, the log must reach the last synced change. The file may then be older
 *       than the log, so that the check misses a part. It is never newer than the changes that were
 *       synced before it.
 * </ul>
 *
 * <p>The file has two slots, written in turn, each with a checksum. If a write is torn, the
 * previous value is left. Used by one thread.
 */
final class SequenceMark implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(SequenceMark.class);

  /**
   * The content of the file: two sequence numbers, and the boot of the machine in which they were
   * written.
   */
  record Reached(long visible, long synced, UUID boot) {
    /**
     * Returns the sequence number that the log must reach if it is opened in the boot {@code
     * thisBoot}.
     */
    long required(UUID thisBoot) {
      return boot.equals(thisBoot) && !boot.equals(UNKNOWN_BOOT) ? visible : synced;
    }
  }

  private static final UUID UNKNOWN_BOOT = new UUID(0, 0);
  private static final Path BOOT_ID = Path.of("/proc/sys/kernel/random/boot_id");
  private static final int SLOT_BYTES = 512;
  private static final int VALUE_BYTES = 4 * Long.BYTES;

  private final FileChannel channel;
  private final UUID boot = boot();
  private final ByteBuffer slot = ByteBuffer.allocateDirect(VALUE_BYTES + Integer.BYTES);
  private final CRC32C crc = new CRC32C();
  private long synced;
  private boolean isSecond;

  private SequenceMark(FileChannel channel) {
    this.channel = channel;
  }

  /**
   * Opens the file for writing, creates it if it is missing, and writes {@code sequence} as the end
   * of the log to both slots. A higher number that an earlier boot left is discarded.
   */
  static SequenceMark open(Path file, long sequence) throws IOException {
    long synced = read(file).map(Reached::synced).orElse(0L);
    var mark =
        new SequenceMark(
            FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE));
    mark.synced = Math.min(synced, sequence);
    mark.reached(sequence, false);
    mark.reached(sequence, false);
    return mark;
  }

  /** Returns the content of the file, or empty if it is missing or has no complete value. */
  static Optional<Reached> read(Path file) throws IOException {
    byte[] content;
    try {
      content = Files.readAllBytes(file);
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
    Reached first = slot(content, 0);
    Reached second = slot(content, SLOT_BYTES);
    return Optional.ofNullable(
        first == null || (second != null && second.visible() > first.visible()) ? second : first);
  }

  /**
   * Returns the identifier of this boot of the machine, or {@link #UNKNOWN_BOOT}, which {@link
   * Reached#required} never takes for the same boot.
   */
  static UUID boot() {
    try {
      return UUID.fromString(Files.readString(BOOT_ID).strip());
    } catch (IOException | IllegalArgumentException e) {
      return UNKNOWN_BOOT; // a system without boot identifiers: as if it had just been booted
    }
  }

  /**
   * Records that the log reaches a change.
   *
   * @param isSynced whether the log was synced after the change
   */
  void reached(long sequence, boolean isSynced) throws IOException {
    synced = isSynced ? sequence : synced;
    slot.clear();
    slot.putLong(sequence).putLong(synced);
    slot.putLong(boot.getMostSignificantBits()).putLong(boot.getLeastSignificantBits());
    crc.reset();
    crc.update(slot.duplicate().flip());
    slot.putInt((int) crc.getValue()).flip();
    channel.write(slot, isSecond ? SLOT_BYTES : 0);
    isSecond = !isSecond;
  }

  /** Closes the file. A failure loses nothing and is logged. */
  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      LOG.atWarn().setCause(e).log("log end file not closed");
    }
  }

  private static @Nullable Reached slot(byte[] content, int at) {
    if (content.length < at + VALUE_BYTES + Integer.BYTES) {
      return null;
    }
    var crc = new CRC32C();
    crc.update(content, at, VALUE_BYTES);
    ByteBuffer value = ByteBuffer.wrap(content).position(at);
    var reached =
        new Reached(value.getLong(), value.getLong(), new UUID(value.getLong(), value.getLong()));
    return value.getInt() == (int) crc.getValue() ? reached : null;
  }
}
