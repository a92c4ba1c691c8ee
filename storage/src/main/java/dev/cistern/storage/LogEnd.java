package dev.cistern.storage;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * The end of the readable part of the write-ahead log of a RocksDB database. It is found without
 * opening the database, because opening changes it. Opening decides whether damage is an error;
 * this record tells where the damage is.
 *
 * <p>A log consists of blocks of 32 KiB. A record does not cross the end of a block. It has a
 * masked CRC-32C, a length and a type, followed by a batch or a part of one. A batch begins with
 * the sequence number of its first change and the number of its changes, both little-endian.
 *
 * @param sequence sequence number of the last change in a complete batch; 0 if there is none
 * @param file first log file that cannot be read to its end, otherwise the last one; empty if there
 *     is no log file
 * @param offset end in {@code file}, in bytes, of the last complete batch before a damaged or
 *     incomplete record; the length of the file if there is no such record
 * @param state reason why the reading ended at that record
 * @param unreadBytes bytes from {@code offset} to the end of the last file
 */
record LogEnd(long sequence, Optional<Path> file, long offset, State state, long unreadBytes) {
  /** Reasons why the reading of a log ends. */
  enum State {
    /** The last file was read to its end. */
    WHOLE,
    /** A file ends within a record or a batch, as a kill or a power cut may leave it. */
    INCOMPLETE,
    /**
     * A record differs from the written one: its checksum is wrong, or it crosses the end of its
     * block.
     */
    DAMAGED
  }

  private static final int BLOCK_BYTES = 32 << 10;
  private static final int HEADER_BYTES = 7;
  private static final int LOG_NUMBER_BYTES = 4;
  private static final int BATCH_HEADER_BYTES = 12;
  private static final int FULL = 1;
  private static final int FIRST = 2;
  private static final int LAST = 4;
  private static final int RECYCLED = 4;

  /** Reads the logs in a directory, up to the first damaged or incomplete record. */
  static LogEnd of(Path directory) throws IOException {
    long sequence = 0;
    Optional<Path> last = Optional.empty();
    long offset = 0;
    List<Path> logs = logs(directory);
    for (int i = 0; i < logs.size(); i++) {
      var reader = new Reader();
      offset = reader.read(logs.get(i));
      sequence = Math.max(sequence, reader.sequence);
      last = Optional.of(logs.get(i));
      if (reader.state != State.WHOLE) {
        long unread = -offset;
        for (Path log : logs.subList(i, logs.size())) {
          unread += Layout.sizeOf(log);
        }
        return new LogEnd(sequence, last, offset, reader.state, unread);
      }
    }
    return new LogEnd(sequence, last, offset, State.WHOLE, 0);
  }

  private static List<Path> logs(Path directory) throws IOException {
    try {
      return Layout.list(directory).stream()
          .filter(file -> String.valueOf(file.getFileName()).matches("\\d+\\.log"))
          .sorted()
          .toList();
    } catch (NoSuchFileException e) {
      return List.of();
    }
  }

  /** Reader of one log file. */
  private static final class Reader {
    private final ByteBuffer batchHeader =
        ByteBuffer.allocate(BATCH_HEADER_BYTES).order(LITTLE_ENDIAN);
    private final CRC32C crc = new CRC32C();
    private long sequence;
    private long goodEnd;
    private State state = State.WHOLE;
    private boolean isInBatch;

    /** Reads the file and returns the length of its intact part in bytes. */
    long read(Path file) throws IOException {
      ByteBuffer block = ByteBuffer.allocateDirect(BLOCK_BYTES).order(LITTLE_ENDIAN);
      try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
        long size = channel.size();
        for (long at = 0; at < size && state == State.WHOLE; at += BLOCK_BYTES) {
          block.clear();
          while (block.hasRemaining() && channel.read(block, at + block.position()) > 0) {
            // until the block is full or the file ends
          }
          readBlock(block.flip(), at);
        }
        if (state == State.WHOLE && isInBatch) {
          state = State.INCOMPLETE;
        }
        return state == State.WHOLE ? size : goodEnd;
      }
    }

    private void readBlock(ByteBuffer block, long at) {
      while (state == State.WHOLE && block.remaining() >= HEADER_BYTES) {
        int start = block.position();
        int expected = block.getInt();
        int length = Short.toUnsignedInt(block.getShort());
        int type = Byte.toUnsignedInt(block.get());
        if (type == 0 && length == 0) {
          return; // zeros after the last record
        }
        int logNumber = type > RECYCLED && type <= 2 * RECYCLED ? LOG_NUMBER_BYTES : 0;
        if (block.remaining() < logNumber + length) {
          state = block.limit() < BLOCK_BYTES ? State.INCOMPLETE : State.DAMAGED;
        } else if (masked(block, start + HEADER_BYTES - 1, 1 + logNumber + length) != expected) {
          state = State.DAMAGED;
        } else {
          block.position(block.position() + logNumber);
          take(logNumber == 0 ? type : type - RECYCLED, block.slice(block.position(), length));
          block.position(block.position() + length);
          goodEnd = isInBatch ? goodEnd : at + block.position();
        }
      }
      if (state == State.WHOLE && block.hasRemaining() && block.limit() < BLOCK_BYTES) {
        state = State.INCOMPLETE;
      }
    }

    private void take(int type, ByteBuffer part) {
      if (type > LAST) {
        return; // a record about the log, not a part of a batch
      }
      if (type == FULL || type == FIRST) {
        batchHeader.clear();
      }
      part.limit(Math.min(part.limit(), batchHeader.remaining()));
      batchHeader.put(part);
      isInBatch = type != FULL && type != LAST;
      if (!isInBatch && !batchHeader.hasRemaining()) {
        long first = batchHeader.getLong(0);
        sequence = Math.max(sequence, first + batchHeader.getInt(Long.BYTES) - 1);
      }
    }

    private int masked(ByteBuffer block, int from, int length) {
      crc.reset();
      crc.update(block.slice(from, length));
      int value = (int) crc.getValue();
      return Integer.rotateRight(value, 15) + 0xa282ead8;
    }
  }
}
