package dev.cistern.auth.access;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Stream;

/**
 * The keys of this server's own tokens: EC P-256, for ES256 only. The last key signs, and all keys
 * verify. A key is therefore rotated by adding a file with a later name, and by removing the old
 * file when its tokens have expired. Immutable and thread-safe.
 */
public final class SigningKeys {
  private static final String SUFFIX = ".pem";
  private static final String FIRST = "signing-key" + SUFFIX;
  private static final int LARGEST = 16 * 1024;
  private static final String RIGHT =
      "; expected is an EC P-256 key in PKCS#8 PEM, such as: openssl genpkey -algorithm EC -pkeyopt"
          + " ec_paramgen_curve:P-256";

  private final Map<String, SigningKey> byId;
  private final SigningKey signing;

  private SigningKeys(Map<String, SigningKey> byId, SigningKey signing) {
    this.byId = byId;
    this.signing = signing;
  }

  /**
   * Reads a directory's {@code *.pem} files, sorted by name. If there are none, creates one
   * atomically, readable by this process's user alone. If several processes do so at once, one of
   * them creates the key and all use it.
   *
   * @throws IOException if a file is invalid; the message names it and what is expected
   */
  public static SigningKeys open(Path directory) throws IOException {
    List<Path> files = files(directory);
    if (files.isEmpty()) {
      create(directory);
      files = files(directory);
    }
    return of(files);
  }

  /**
   * Reads these files, the last of which signs.
   *
   * @throws IOException if a file is invalid; the message names it and what is expected
   */
  public static SigningKeys of(List<Path> files) throws IOException {
    var byId = new LinkedHashMap<String, SigningKey>();
    SigningKey signing = null;
    for (Path file : files) {
      signing = read(file);
      byId.put(signing.id(), signing);
    }
    if (signing == null) {
      throw new IOException("there is no file of a signing key" + RIGHT);
    }
    return new SigningKeys(Map.copyOf(byId), signing);
  }

  private static List<Path> files(Path directory) throws IOException {
    if (!Files.exists(directory)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(directory)) {
      return files.filter(file -> file.getFileName().toString().endsWith(SUFFIX)).sorted().toList();
    }
  }

  private static SigningKey read(Path file) throws IOException {
    if (Files.size(file) > LARGEST) {
      throw new IOException(file + " is larger than " + LARGEST + " bytes" + RIGHT);
    }
    try {
      return SigningKey.parse(Files.readString(file, ISO_8859_1));
    } catch (GeneralSecurityException wrong) {
      throw new IOException(file + " is not a signing key: " + wrong.getMessage() + RIGHT, wrong);
    }
  }

  private static void create(Path directory) throws IOException {
    Files.createDirectories(
        directory,
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    Path temporary = directory.resolve(FIRST + "." + UUID.randomUUID() + ".tmp");
    try {
      write(temporary, SigningKey.generate());
      Files.createLink(directory.resolve(FIRST), temporary);
    } catch (FileAlreadyExistsException another) {
      // Another process was faster; its key is used.
    } finally {
      Files.deleteIfExists(temporary);
    }
    try (var opened = FileChannel.open(directory, READ)) {
      opened.force(true);
    }
  }

  private static void write(Path file, String text) throws IOException {
    var ownerOnly =
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));
    try (var channel = FileChannel.open(file, Set.of(CREATE_NEW, WRITE), ownerOnly)) {
      ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(US_ASCII));
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
      channel.force(true);
    }
  }

  /** Returns the key that signs. */
  SigningKey signing() {
    return signing;
  }

  /** Returns the key of an ID. A token can select only from these keys. */
  Optional<SigningKey> find(String id) {
    return Optional.ofNullable(byId.get(id));
  }

  /** Returns the thumbprints of the keys, never the keys. */
  @Override
  public String toString() {
    return "signing keys " + byId.keySet();
  }
}
