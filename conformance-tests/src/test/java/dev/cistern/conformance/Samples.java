package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;

/** Content for tests. */
final class Samples {
  static final String IMAGE = "application/vnd.oci.image.manifest.v1+json";
  static final String INDEX = "application/vnd.oci.image.index.v1+json";
  private static final String EMPTY =
      "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

  private Samples() {}

  /** Returns bytes that are the same for the same seed. */
  static byte[] bytes(int length, long seed) {
    byte[] bytes = new byte[length];
    new Random(seed).nextBytes(bytes);
    return bytes;
  }

  static String digest(byte[] bytes) {
    try {
      return "sha256:"
          + HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  /** Returns an image manifest without layers that {@code text} makes different from others. */
  static byte[] manifest(String text) {
    return manifest(text, "");
  }

  /** Returns an image manifest with one layer. */
  static byte[] manifestOf(String layer, long size) {
    return manifest("one layer", descriptor(layer, size));
  }

  /** Returns an image manifest with these layers. */
  static byte[] manifestOf(List<byte[]> layers) {
    return manifest(
        "layers",
        layers.stream()
            .map(layer -> descriptor(digest(layer), layer.length))
            .collect(Collectors.joining(",")));
  }

  private static String descriptor(String layer, long size) {
    return "{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\""
        + layer
        + "\",\"size\":"
        + size
        + "}";
  }

  private static byte[] manifest(String text, String layers) {
    return """
    {"schemaVersion":2,"mediaType":"%s",
     "config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"%s","size":2},
     "layers":[%s],"annotations":{"text":"%s"}}\
    """
        .formatted(IMAGE, EMPTY, layers, text)
        .getBytes(UTF_8);
  }
}
