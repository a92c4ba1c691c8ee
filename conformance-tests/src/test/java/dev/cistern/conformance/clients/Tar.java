package dev.cistern.conformance.clients;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.ByteArrayOutputStream;

/** A tar archive in memory (POSIX ustar), the same bytes for the same content. */
final class Tar {
  private static final int BLOCK = 512;

  private final ByteArrayOutputStream blocks = new ByteArrayOutputStream();

  Tar directory(String name) {
    return entry(name + "/", 0755, '5', "", new byte[0]);
  }

  Tar file(String name, int mode, byte[] content) {
    return entry(name, mode, '0', "", content);
  }

  Tar link(String name, String target) {
    return entry(name, 0777, '2', target, new byte[0]);
  }

  /** Returns the archive with its end. */
  byte[] end() {
    blocks.writeBytes(new byte[2 * BLOCK]);
    return blocks.toByteArray();
  }

  private Tar entry(String name, int mode, char type, String target, byte[] content) {
    byte[] header = new byte[BLOCK];
    text(header, 0, name);
    text(header, 100, octal(7, mode));
    text(header, 108, octal(7, 0));
    text(header, 116, octal(7, 0));
    text(header, 124, octal(11, content.length));
    text(header, 136, octal(11, 0));
    text(header, 148, " ".repeat(8));
    text(header, 156, String.valueOf(type));
    text(header, 157, target);
    text(header, 257, "ustar\00000");
    int sum = 0;
    for (byte b : header) {
      sum += b;
    }
    text(header, 148, octal(6, sum) + "\0 ");
    blocks.writeBytes(header);
    blocks.writeBytes(content);
    blocks.writeBytes(new byte[Math.floorMod(-content.length, BLOCK)]);
    return this;
  }

  private static String octal(int digits, long number) {
    return ("0".repeat(digits) + Long.toOctalString(number))
        .substring(Long.toOctalString(number).length());
  }

  private static void text(byte[] header, int at, String text) {
    byte[] bytes = text.getBytes(US_ASCII);
    System.arraycopy(bytes, 0, header, at, bytes.length);
  }
}
