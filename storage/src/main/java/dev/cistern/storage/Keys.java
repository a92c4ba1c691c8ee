package dev.cistern.storage;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import java.util.Arrays;

/**
 * The keys of the index. This is the format on disk:
 *
 * <pre>
 * b DIGEST                      a blob: its content is a file        {@link Facts.BlobFact}
 * m DIGEST                      a manifest: its content is the value {@link Facts.ManifestFact}
 * n NAME                        a repository that has manifests      (empty)
 * k NAME 0 DIGEST               a manifest that NAME keeps           {@link Facts.LinkFact}
 * l NAME 0 DIGEST               a blob that NAME may reach           {@link Facts.LinkFact}
 * t NAME 0 TAG                  where a tag points                   {@link Facts.TagFact}
 * r NAME 0 SUBJECT DIGEST       DIGEST refers to SUBJECT             a descriptor
 * u ID                          an upload in progress                {@link Facts.UploadFact}
 * </pre>
 *
 * The first byte is the letter. NAME and TAG are ASCII, so that keys sort as names do, by bytes;
 * the zero byte sorts before all that a name can hold. DIGEST is one byte for the algorithm (0
 * sha256, 1 sha512) and the hash, so that its length is known from its first byte.
 */
final class Keys {
  static final byte BLOB = 'b';
  static final byte MANIFEST = 'm';
  static final byte REPOSITORY = 'n';
  static final byte MANIFEST_LINK = 'k';
  static final byte BLOB_LINK = 'l';
  static final byte TAG = 't';
  static final byte REFERRER = 'r';
  static final byte UPLOAD = 'u';

  private Keys() {}

  static byte[] blob(Digest digest) {
    return join(BLOB, digest(digest));
  }

  static byte[] manifest(Digest digest) {
    return join(MANIFEST, digest(digest));
  }

  static byte[] repository(RepositoryName name) {
    return join(REPOSITORY, ascii(name.path()));
  }

  /** Returns what all repositories' keys start with. */
  static byte[] repositories() {
    return new byte[] {REPOSITORY};
  }

  static byte[] manifestLink(RepositoryName name, Digest digest) {
    return join(MANIFEST_LINK, scope(name), digest(digest));
  }

  static byte[] manifestLinks(RepositoryName name) {
    return join(MANIFEST_LINK, scope(name));
  }

  static byte[] blobLink(RepositoryName name, Digest digest) {
    return join(BLOB_LINK, scope(name), digest(digest));
  }

  static byte[] tag(RepositoryName name, Tag tag) {
    return join(TAG, scope(name), ascii(tag.name()));
  }

  static byte[] tags(RepositoryName name) {
    return join(TAG, scope(name));
  }

  static byte[] referrer(RepositoryName name, Digest subject, Digest digest) {
    return join(REFERRER, scope(name), digest(subject), digest(digest));
  }

  static byte[] referrers(RepositoryName name, Digest subject) {
    return join(REFERRER, scope(name), digest(subject));
  }

  static byte[] upload(String id) {
    return join(UPLOAD, ascii(id));
  }

  static byte[] uploads() {
    return new byte[] {UPLOAD};
  }

  /** Returns the text after a prefix of {@code prefixLength} bytes. */
  static String textAfter(int prefixLength, byte[] key) {
    return new String(key, prefixLength, key.length - prefixLength, US_ASCII);
  }

  /** Returns the digest after a prefix of {@code prefixLength} bytes. */
  static Digest digestAfter(int prefixLength, byte[] key) {
    Digest.Algorithm algorithm = algorithm(key[prefixLength]);
    int from = prefixLength + 1;
    return Digest.ofHash(algorithm, Arrays.copyOfRange(key, from, from + algorithm.length()));
  }

  static byte code(Digest.Algorithm algorithm) {
    return switch (algorithm) {
      case SHA256 -> 0;
      case SHA512 -> 1;
    };
  }

  static Digest.Algorithm algorithm(byte code) {
    return switch (code) {
      case 0 -> Digest.Algorithm.SHA256;
      case 1 -> Digest.Algorithm.SHA512;
      default -> throw new IllegalArgumentException("no digest algorithm has the code " + code);
    };
  }

  private static byte[] digest(Digest digest) {
    return join(code(digest.algorithm()), digest.hash());
  }

  private static byte[] scope(RepositoryName name) {
    byte[] path = ascii(name.path());
    return Arrays.copyOf(path, path.length + 1);
  }

  private static byte[] ascii(String text) {
    return text.getBytes(US_ASCII);
  }

  private static byte[] join(byte first, byte[]... rest) {
    int length = 1;
    for (byte[] part : rest) {
      length += part.length;
    }
    byte[] key = new byte[length];
    key[0] = first;
    int at = 1;
    for (byte[] part : rest) {
      System.arraycopy(part, 0, key, at, part.length);
      at += part.length;
    }
    return key;
  }
}
