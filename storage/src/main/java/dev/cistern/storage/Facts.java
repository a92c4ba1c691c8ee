package dev.cistern.storage;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cistern.oci.Descriptor;
import dev.cistern.oci.Digest;
import dev.cistern.oci.Manifest;
import dev.cistern.oci.MediaType;
import dev.cistern.oci.OciException;
import dev.cistern.oci.RepositoryName;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The values of the index: records about the items that the keys name. Each value starts with a
 * version byte, which is 2 for links and 1 otherwise. Times are milliseconds since 1970.
 */
final class Facts {
  private static final int VERSION = 1;
  private static final int TIMED_LINK_VERSION = 2;

  private Facts() {}

  /** A blob whose file is complete and verified. */
  record BlobFact(long size, Instant firstSeen, Instant lastUsed) {
    byte[] encoded() {
      return encode(out -> {
        out.writeLong(size);
        out.writeLong(firstSeen.toEpochMilli());
        out.writeLong(lastUsed.toEpochMilli());
      });
    }

    static BlobFact decode(byte[] value) {
      return Facts.decode(
          value, in -> new BlobFact(in.readLong(), readInstant(in), readInstant(in)));
    }
  }

  /** A manifest, byte for byte as received. */
  record ManifestFact(MediaType mediaType, Instant firstSeen, Instant lastUsed, byte[] bytes) {
    byte[] encoded() {
      return encode(out -> {
        out.writeUTF(mediaType.name());
        out.writeLong(firstSeen.toEpochMilli());
        out.writeLong(lastUsed.toEpochMilli());
        out.write(bytes);
      });
    }

    /** Returns whether an encoded fact can be decoded and its bytes match the digest. */
    static boolean isOf(byte[] value, Digest digest) {
      try {
        return Digest.of(digest.algorithm(), decode(value).bytes()).equals(digest);
      } catch (UncheckedIOException | OciException e) {
        return false; // the value is not a manifest fact
      }
    }

    /** Returns whether an encoded fact contains exactly these manifest bytes. */
    static boolean holds(byte[] value, byte[] bytes) {
      int from = value.length - bytes.length;
      return from > 0 && Arrays.equals(value, from, value.length, bytes, 0, bytes.length);
    }

    static ManifestFact decode(byte[] value) {
      return Facts.decode(
          value,
          in ->
              new ManifestFact(
                  new MediaType(in.readUTF()),
                  readInstant(in),
                  readInstant(in),
                  in.readAllBytes()));
    }
  }

  /** The way in which a manifest references a digest. */
  enum Role {
    CONFIG(0),
    /** A layer, or an entry of an index that is not a manifest. */
    BLOB(1),
    MANIFEST(2);

    private final int code;

    Role(int code) {
      this.code = code;
    }

    private static Role ofCode(int code) throws IOException {
      for (Role role : values()) {
        if (role.code == code) {
          return role;
        }
      }
      throw new IOException("a newer Cistern wrote it, role " + code);
    }
  }

  /** One digest that a manifest references, with the size in bytes that the manifest states. */
  record Part(Digest digest, long size, Role role) {}

  /**
   * The content that a manifest references, each digest once for each role. Because of this fact no
   * decision parses a manifest.
   *
   * @param bytes size of the manifest itself
   * @param isIndex whether the manifest is an index, not an image
   */
  record NamesFact(long bytes, boolean isIndex, Optional<Digest> subject, List<Part> parts) {
    NamesFact {
      parts = List.copyOf(parts);
    }

    static NamesFact of(Manifest manifest, long bytes) {
      var parts = new LinkedHashSet<Part>();
      if (manifest instanceof Manifest.Image image) {
        parts.add(new Part(image.config().digest(), image.config().size(), Role.CONFIG));
        image
            .layers()
            .forEach(layer -> parts.add(new Part(layer.digest(), layer.size(), Role.BLOB)));
      } else {
        manifest
            .blobs()
            .forEach(blob -> parts.add(new Part(blob.digest(), blob.size(), Role.BLOB)));
      }
      manifest
          .children()
          .forEach(child -> parts.add(new Part(child.digest(), child.size(), Role.MANIFEST)));
      return new NamesFact(
          bytes, manifest instanceof Manifest.Index, manifest.subject(), List.copyOf(parts));
    }

    /** Returns all referenced digests, each once, manifests after blobs. */
    Set<Digest> digests() {
      var digests = new LinkedHashSet<Digest>();
      parts.forEach(part -> digests.add(part.digest()));
      return digests;
    }

    Stream<Digest> children() {
      return parts.stream()
          .filter(part -> part.role() == Role.MANIFEST)
          .map(Part::digest)
          .distinct();
    }

    Stream<Digest> blobs() {
      return parts.stream()
          .filter(part -> part.role() != Role.MANIFEST)
          .map(Part::digest)
          .distinct();
    }

    byte[] encoded() {
      return encode(out -> {
        out.writeLong(bytes);
        out.writeBoolean(isIndex);
        out.writeBoolean(subject.isPresent());
        if (subject.isPresent()) {
          writeDigest(out, subject.get());
        }
        out.writeInt(parts.size());
        for (Part part : parts) {
          out.writeByte(part.role().code);
          out.writeLong(part.size());
          writeDigest(out, part.digest());
        }
      });
    }

    static NamesFact decode(byte[] value) {
      return Facts.decode(
          value,
          in -> {
            long bytes = in.readLong();
            boolean isIndex = in.readBoolean();
            Optional<Digest> subject =
                in.readBoolean() ? Optional.of(readDigest(in)) : Optional.empty();
            int count = in.readInt();
            var parts = new ArrayList<Part>(count);
            for (int i = 0; i < count; i++) {
              Role role = Role.ofCode(in.readByte());
              long size = in.readLong();
              parts.add(new Part(readDigest(in), size, role));
            }
            return new NamesFact(bytes, isIndex, subject, parts);
          });
    }
  }

  /**
   * A link of a repository to a manifest or a blob, depending on the key.
   *
   * @param lastUsed time of the last write or, with a coarse resolution, of the last request
   */
  record LinkFact(Origin origin, Instant lastUsed) {
    byte[] encoded() {
      return encode(
          TIMED_LINK_VERSION,
          out -> {
            out.writeByte(origin.code());
            out.writeLong(lastUsed.toEpochMilli());
          });
    }

    /**
     * Decodes version 1 too. That version had no time, so its links count as last used at the
     * epoch.
     */
    static LinkFact decode(byte[] value) {
      return value[0] == VERSION
          ? Facts.decode(value, in -> new LinkFact(readOrigin(in), Instant.EPOCH))
          : Facts.decode(
              TIMED_LINK_VERSION, value, in -> new LinkFact(readOrigin(in), readInstant(in)));
    }
  }

  /** The manifest that a tag points to. */
  record TagFact(Digest digest, Origin origin, Instant checked) {
    byte[] encoded() {
      return encode(out -> {
        out.writeUTF(digest.toString());
        out.writeByte(origin.code());
        out.writeLong(checked.toEpochMilli());
      });
    }

    static TagFact decode(byte[] value) {
      return Facts.decode(
          value, in -> new TagFact(Digest.parse(in.readUTF()), readOrigin(in), readInstant(in)));
    }
  }

  /** An upload that a client may continue. */
  record UploadFact(
      RepositoryName repository, Digest.Algorithm algorithm, Instant started, String owner) {
    byte[] encoded() {
      return encode(out -> {
        out.writeUTF(repository.path());
        out.writeByte(Keys.code(algorithm));
        out.writeLong(started.toEpochMilli());
        out.writeUTF(owner);
      });
    }

    /**
     * Decodes an upload. An upload of an earlier version has an empty owner, so no client may
     * continue it.
     */
    static UploadFact decode(byte[] value) {
      return Facts.decode(
          value,
          in ->
              new UploadFact(
                  new RepositoryName(in.readUTF()),
                  Keys.algorithm(in.readByte()),
                  readInstant(in),
                  in.available() > 0 ? in.readUTF() : ""));
    }
  }

  /** An object as it was last written, and the revision of that change. */
  record ObjectFact(long revision, byte[] json) {
    byte[] encoded() {
      return encode(out -> {
        out.writeLong(revision);
        out.write(json);
      });
    }

    static ObjectFact decode(byte[] value) {
      return Facts.decode(value, in -> new ObjectFact(in.readLong(), in.readAllBytes()));
    }
  }

  /**
   * Content that was stored and whose stored copy is damaged.
   *
   * @param kind kind of damage
   * @param size length in bytes of the content when it was verified
   * @param found time at which the damage was found
   */
  record DamageFact(FindingKind kind, Origin origin, long size, Instant found) {
    byte[] encoded() {
      return encode(out -> {
        out.writeUTF(kind.word());
        out.writeByte(origin.code());
        out.writeLong(size);
        out.writeLong(found.toEpochMilli());
      });
    }

    static DamageFact decode(byte[] value) {
      return Facts.decode(
          value,
          in ->
              new DamageFact(
                  FindingKind.ofWord(in.readUTF()),
                  readOrigin(in),
                  in.readLong(),
                  readInstant(in)));
    }
  }

  /** Encodes a referrer as an entry of a list of referrers. Its digest is in the key. */
  static byte[] encodeReferrer(Descriptor descriptor) {
    return encode(out -> {
      out.writeUTF(descriptor.mediaType().name());
      out.writeLong(descriptor.size());
      out.writeBoolean(descriptor.artifactType().isPresent());
      if (descriptor.artifactType().isPresent()) {
        writeText(out, descriptor.artifactType().get());
      }
      out.writeInt(descriptor.annotations().size());
      for (Map.Entry<String, String> annotation : descriptor.annotations().entrySet()) {
        writeText(out, annotation.getKey());
        writeText(out, annotation.getValue());
      }
    });
  }

  static Descriptor decodeReferrer(Digest digest, byte[] value) {
    return decode(
        value,
        in -> {
          MediaType mediaType = new MediaType(in.readUTF());
          long size = in.readLong();
          Optional<String> artifactType =
              in.readBoolean() ? Optional.of(readText(in)) : Optional.empty();
          int count = in.readInt();
          var annotations = new LinkedHashMap<String, String>();
          for (int i = 0; i < count; i++) {
            annotations.put(readText(in), readText(in));
          }
          return new Descriptor(
              mediaType, digest, size, artifactType, annotations, Optional.empty());
        });
  }

  /**
   * Writes a text of any length. {@code writeUTF} is limited to 64 KiB, and annotations may be
   * longer.
   */
  private static void writeText(DataOutputStream out, String text) throws IOException {
    byte[] bytes = text.getBytes(UTF_8);
    out.writeInt(bytes.length);
    out.write(bytes);
  }

  private static String readText(DataInputStream in) throws IOException {
    return new String(in.readNBytes(in.readInt()), UTF_8);
  }

  private static void writeDigest(DataOutputStream out, Digest digest) throws IOException {
    out.writeByte(Keys.code(digest.algorithm()));
    out.write(digest.hash());
  }

  private static Digest readDigest(DataInputStream in) throws IOException {
    Digest.Algorithm algorithm = Keys.algorithm(in.readByte());
    return Digest.ofHash(algorithm, in.readNBytes(algorithm.length()));
  }

  private static Instant readInstant(DataInputStream in) throws IOException {
    return Instant.ofEpochMilli(in.readLong());
  }

  private static Origin readOrigin(DataInputStream in) throws IOException {
    return Origin.ofCode(in.readByte());
  }

  private interface Encoder {
    void encode(DataOutputStream out) throws IOException;
  }

  private interface Decoder<T> {
    T decode(DataInputStream in) throws IOException;
  }

  private static byte[] encode(Encoder encoder) {
    return encode(VERSION, encoder);
  }

  private static byte[] encode(int version, Encoder encoder) {
    var bytes = new ByteArrayOutputStream();
    try (var out = new DataOutputStream(bytes)) {
      out.writeByte(version);
      encoder.encode(out);
    } catch (IOException e) {
      throw new UncheckedIOException("memory does not fail", e);
    }
    return bytes.toByteArray();
  }

  private static <T> T decode(byte[] value, Decoder<T> decoder) {
    return decode(VERSION, value, decoder);
  }

  private static <T> T decode(int expected, byte[] value, Decoder<T> decoder) {
    try (var in = new DataInputStream(new ByteArrayInputStream(value))) {
      int version = in.readByte();
      if (version != expected) {
        throw new IOException("a newer Cistern wrote it, version " + version);
      }
      return decoder.decode(in);
    } catch (IOException e) {
      throw new UncheckedIOException("the index holds a value that cannot be read", e);
    }
  }
}
