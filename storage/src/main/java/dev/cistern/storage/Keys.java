package dev.cistern.storage;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.cistern.oci.Digest;
import dev.cistern.oci.Reference;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * The keys of the index. This is the format on disk:
 *
 * <pre>
 * b DIGEST                      a blob; its content is a file          {@link Facts.BlobFact}
 * m DIGEST                      a manifest; its content is the value   {@link Facts.ManifestFact}
 * g DIGEST                      the digests that a manifest names      {@link Facts.NamesFact}
 * g                             mark: all parsable manifests have g    (empty)
 * n NAME                        a repository that has manifests        (empty)
 * k NAME 0 DIGEST               the link of NAME to a manifest         {@link Facts.LinkFact}
 * l NAME 0 DIGEST               the link of NAME to a blob             {@link Facts.LinkFact}
 * t NAME 0 TAG                  the target of a tag                    {@link Facts.TagFact}
 * r NAME 0 SUBJECT DIGEST       the referrer DIGEST of SUBJECT         a descriptor
 * u ID                          an upload in progress                  {@link Facts.UploadFact}
 * p NAME 0 REFERENCE            a pin of a tag or a digest             (empty)
 * h DIGEST 0 NAME               NAME links the manifest DIGEST         (empty)
 * h DIGEST 1 NAME               NAME links the blob DIGEST             (empty)
 * h DIGEST 2 MANIFEST           the stored manifest MANIFEST names it  (empty)
 * o KIND 0 NAMESPACE 0 NAME     an API object                          {@link Facts.ObjectFact}
 * v                             revision of the last object change     8 bytes, big-endian
 * c                             bytes of all blobs                     8 bytes, big-endian
 * f                             version of this format                 1 byte
 * d                             number of damaged blobs                8 bytes, big-endian
 * d DIGEST FORM                 damage of the stored copy              {@link Facts.DamageFact}
 * s                             last verification of all content       8 bytes, big-endian
 * s DIGEST                      last verification of a blob            8 bytes, big-endian
 * w                             wall clock time that was noted last    8 bytes, big-endian
 * i                             id of this store, as in store.json
 * x ID                          mark: the intent ID is committed       (empty)
 * x ID KEY                      step of the intent ID for KEY          {@link Intents.Step}
 * </pre>
 *
 * The first byte is the letter. NAME, TAG, KIND and NAMESPACE are ASCII, so keys sort by bytes in
 * the order of the names. The zero byte sorts before every byte that a name can contain. DIGEST is
 * one byte for the algorithm (0 sha256, 1 sha512) and the hash, so its first byte tells its length.
 * FORM is one byte: 0 the file of a blob, 1 a manifest. ID of an intent is 8 bytes, big-endian, and
 * not negative. Times are milliseconds since 1970.
 *
 * <p>Earlier versions of Cistern neither read nor write {@code g}, so a manifest may lack it. The
 * digests that such a manifest names are unknown until {@link ManifestNames} has parsed it.
 */
final class Keys {
  static final byte BLOB = 'b';
  static final byte MANIFEST = 'm';
  static final byte NAMES = 'g';
  static final byte REPOSITORY = 'n';
  static final byte MANIFEST_LINK = 'k';
  static final byte BLOB_LINK = 'l';
  static final byte TAG = 't';
  static final byte REFERRER = 'r';
  static final byte UPLOAD = 'u';
  static final byte PIN = 'p';
  static final byte HOLDER = 'h';
  static final byte OBJECT = 'o';
  static final byte REVISION = 'v';
  static final byte BLOB_BYTES = 'c';
  static final byte FORMAT = 'f';
  static final byte DAMAGE = 'd';
  static final byte VERIFIED = 's';
  static final byte STORE = 'i';
  static final byte CLOCK = 'w';

  static final byte INTENT = 'x';

  private static final byte KEEPER = 0;
  private static final byte LINKER = 1;
  private static final byte NAMER = 2;

  private Keys() {}

  static byte[] blob(Digest digest) {
    return join(BLOB, digest(digest));
  }

  static byte[] manifest(Digest digest) {
    return join(MANIFEST, digest(digest));
  }

  /** Returns the key of the digests that a manifest names. */
  static byte[] names(Digest manifest) {
    return join(NAMES, digest(manifest));
  }

  static byte[] repository(RepositoryName name) {
    return join(REPOSITORY, ascii(name.path()));
  }

  /** Returns the common prefix of the keys of all repositories. */
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

  static byte[] pin(RepositoryName name, Reference reference) {
    return join(PIN, scope(name), ascii(reference.toString()));
  }

  static byte[] pins(RepositoryName name) {
    return join(PIN, scope(name));
  }

  /** Returns the key of the record that {@code name} links the manifest. */
  static byte[] keeper(Digest manifest, RepositoryName name) {
    return join(HOLDER, digest(manifest), new byte[] {KEEPER}, ascii(name.path()));
  }

  static byte[] keepers(Digest manifest) {
    return join(HOLDER, digest(manifest), new byte[] {KEEPER});
  }

  /** Returns the key of the record that {@code name} links the blob. */
  static byte[] linker(Digest blob, RepositoryName name) {
    return join(HOLDER, digest(blob), new byte[] {LINKER}, ascii(name.path()));
  }

  static byte[] linkers(Digest blob) {
    return join(HOLDER, digest(blob), new byte[] {LINKER});
  }

  /** Returns the key of the record that the stored manifest {@code namer} names {@code named}. */
  static byte[] namer(Digest named, Digest namer) {
    return join(HOLDER, digest(named), new byte[] {NAMER}, digest(namer));
  }

  static byte[] namers(Digest named) {
    return join(HOLDER, digest(named), new byte[] {NAMER});
  }

  /** Returns the key of the damage of the stored copy of a digest. */
  static byte[] damage(Digest digest, DamagedContent.Form form) {
    return join(DAMAGE, digest(digest), new byte[] {form.code()});
  }

  /** Returns the form in a key of {@link #damage}. */
  static DamagedContent.Form formOf(byte[] key) {
    return DamagedContent.Form.ofCode(key[key.length - 1]);
  }

  /** Returns the key of the time at which a blob was last verified. */
  static byte[] verified(Digest blob) {
    return join(VERIFIED, digest(blob));
  }

  static byte[] object(ObjectName name) {
    return join(OBJECT, ended(name.kind()), ended(name.namespace()), ascii(name.name()));
  }

  static byte[] objects(String kind) {
    return join(OBJECT, ended(kind));
  }

  static byte[] objects(String kind, String namespace) {
    return join(OBJECT, ended(kind), ended(namespace));
  }

  /** Returns the first key that sorts after those of all objects of a kind in a namespace. */
  static byte[] afterNamespace(String kind, String namespace) {
    byte[] key = objects(kind, namespace);
    key[key.length - 1] = 1;
    return key;
  }

  /** Returns the name of the object that a key of {@link #object} belongs to. */
  static ObjectName objectOf(byte[] key) {
    String[] parts = textAfter(1, key).split("\0", -1);
    return new ObjectName(parts[0], parts[1], parts[2]);
  }

  /** Returns the key of a committed intent. The keys of its steps sort directly after it. */
  static byte[] intent(long id) {
    return join(INTENT, ByteBuffer.allocate(Long.BYTES).putLong(id).array());
  }

  /** Returns the key of the step of an intent for {@code key}. */
  static byte[] staged(long id, byte[] key) {
    return join(INTENT, ByteBuffer.allocate(Long.BYTES).putLong(id).array(), key);
  }

  /** Returns the id of the intent in a key of {@link #intent} or {@link #staged}. */
  static long intentOf(byte[] key) {
    return ByteBuffer.wrap(key, 1, Long.BYTES).getLong();
  }

  /** Returns the key that the step in a key of {@link #staged} changes. */
  static byte[] stagedOf(byte[] key) {
    return Arrays.copyOfRange(key, 1 + Long.BYTES, key.length);
  }

  /**
   * Returns the one-byte key {@code letter}. It is the key of a single value, the prefix of a
   * family of keys, or both.
   */
  static byte[] family(byte letter) {
    return new byte[] {letter};
  }

  /**
   * Returns the repository in a key that consists of a letter, a repository, a zero byte and more.
   */
  static RepositoryName scopeOf(byte[] key) {
    int end = 1;
    while (key[end] != 0) {
      end++;
    }
    return new RepositoryName(new String(key, 1, end - 1, US_ASCII));
  }

  /** Returns the digest that follows the repository {@code name} in a key. */
  static Digest digestIn(RepositoryName name, byte[] key) {
    return digestAfter(name.path().length() + 2, key);
  }

  /** Returns the first key that sorts after {@code key}. */
  static byte[] after(byte[] key) {
    return Arrays.copyOf(key, key.length + 1);
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
    return ended(name.path());
  }

  /** Returns the bytes of {@code text}, followed by a zero byte. */
  private static byte[] ended(String text) {
    byte[] bytes = ascii(text);
    return Arrays.copyOf(bytes, bytes.length + 1);
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
