package dev.cistern.oci;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Locale;

/**
 * The identity of content: an algorithm and the hash it gives, written {@code sha256:<hex>} (image
 * specification, "Digests").
 */
public record Digest(Algorithm algorithm, String hex) implements Reference {
  /** The supported algorithms, which are the registered ones; the specification permits others. */
  public enum Algorithm {
    SHA256("SHA-256", 64),
    SHA512("SHA-512", 128);

    private final String prefix = name().toLowerCase(Locale.ROOT);
    private final String jcaName;
    private final int hexLength;

    Algorithm(String jcaName, int hexLength) {
      this.jcaName = jcaName;
      this.hexLength = hexLength;
    }

    /** Parses the text before the colon. */
    public static Algorithm parse(String text) {
      return Arrays.stream(values())
          .filter(algorithm -> algorithm.prefix.equals(text))
          .findFirst()
          .orElseThrow(() ->
              new OciException(
                  ErrorCode.DIGEST_INVALID,
                  "unsupported digest algorithm: " + Texts.shown(text),
                  "use sha256 or sha512"));
    }

    /** Returns a new hash function. */
    public MessageDigest newHash() {
      try {
        return MessageDigest.getInstance(jcaName);
      } catch (NoSuchAlgorithmException e) {
        throw new AssertionError("every JDK has " + jcaName, e);
      }
    }

    /** Returns the length of a hash in bytes. */
    public int length() {
      return hexLength / 2;
    }

    @Override
    public String toString() {
      return prefix;
    }
  }

  public Digest {
    if (hex.length() != algorithm.hexLength || !isLowerHex(hex)) {
      throw new OciException(
          ErrorCode.DIGEST_INVALID,
          "not a digest: " + Texts.shown(algorithm + ":" + hex),
          "after " + algorithm + ": come " + algorithm.hexLength + " characters of 0-9 a-f");
    }
  }

  /** Parses {@code algorithm:hex}. */
  public static Digest parse(String text) {
    int colon = text.indexOf(':');
    if (colon < 0) {
      throw new OciException(
          ErrorCode.DIGEST_INVALID,
          "not a digest: " + Texts.shown(text),
          "a digest is written sha256:HEX or sha512:HEX");
    }
    return new Digest(Algorithm.parse(text.substring(0, colon)), text.substring(colon + 1));
  }

  /** Returns the sha256 digest of {@code content}. */
  public static Digest of(byte[] content) {
    return of(Algorithm.SHA256, content);
  }

  /** Returns the digest of {@code content}. */
  public static Digest of(Algorithm algorithm, byte[] content) {
    return ofHash(algorithm, algorithm.newHash().digest(content));
  }

  /** Returns the digest with the hash {@code hash}, in the form that a hash function returns. */
  public static Digest ofHash(Algorithm algorithm, byte[] hash) {
    return new Digest(algorithm, HexFormat.of().formatHex(hash));
  }

  /** Returns the bytes of the hash. */
  public byte[] hash() {
    return HexFormat.of().parseHex(hex);
  }

  private static boolean isLowerHex(String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if ((c < '0' || c > '9') && (c < 'a' || c > 'f')) {
        return false;
      }
    }
    return true;
  }

  @Override
  public String toString() {
    return algorithm + ":" + hex;
  }
}
