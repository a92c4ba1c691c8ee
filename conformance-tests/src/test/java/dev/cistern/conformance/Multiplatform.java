package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.ArrayList;
import java.util.List;

/**
 * An image for linux/amd64 and linux/arm64, made from a seed, with a configuration and a layer for
 * each.
 *
 * @param children the manifests of its platforms
 * @param blobs their configurations and layers
 */
record Multiplatform(byte[] index, List<byte[]> children, List<byte[]> blobs) {
  private static final int LAYER_BYTES = 20_000;

  static Multiplatform of(long seed) {
    var children = new ArrayList<byte[]>();
    var blobs = new ArrayList<byte[]>();
    var descriptors = new ArrayList<String>();
    for (String architecture : List.of("amd64", "arm64")) {
      byte[] config =
          "{\"architecture\":\"%s\",\"os\":\"linux\",\"author\":\"%d\"}"
              .formatted(architecture, seed)
              .getBytes(UTF_8);
      byte[] layer = Samples.bytes(LAYER_BYTES, seed * 2 + children.size());
      byte[] child = manifest(config, layer);
      children.add(child);
      blobs.add(config);
      blobs.add(layer);
      descriptors.add(
          "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%d,\"platform\":{\"architecture\":\"%s\",\"os\":\"linux\"}}"
              .formatted(Samples.IMAGE, Samples.digest(child), child.length, architecture));
    }
    byte[] index = ManifestText.index(String.join(",", descriptors), "").getBytes(UTF_8);
    return new Multiplatform(index, List.copyOf(children), List.copyOf(blobs));
  }

  private static byte[] manifest(byte[] config, byte[] layer) {
    return "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":%s,\"layers\":[%s]}"
        .formatted(
            Samples.IMAGE,
            ManifestText.descriptor(
                "application/vnd.oci.image.config.v1+json", Samples.digest(config), config.length),
            ManifestText.descriptor(
                "application/vnd.oci.image.layer.v1.tar", Samples.digest(layer), layer.length))
        .getBytes(UTF_8);
  }

  String digest() {
    return Samples.digest(index);
  }

  /** Returns the digest of one of its platforms. */
  String child(int number) {
    return Samples.digest(children.get(number));
  }

  /** Puts it into a repository of an upstream, under tags too. */
  void addTo(UpstreamRegistry upstream, String repository, String... tags) {
    blobs.forEach(blob -> upstream.addBlob(repository, blob));
    children.forEach(child -> upstream.addManifest(repository, child));
    upstream.addIndex(repository, index, tags);
  }
}
