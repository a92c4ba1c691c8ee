package dev.cistern.conformance;

/** Manifests as a client writes them: the smallest that say what a test is about. */
final class ManifestText {
  static final String OCI_IMAGE = "application/vnd.oci.image.manifest.v1+json";
  static final String OCI_INDEX = "application/vnd.oci.image.index.v1+json";
  static final String DOCKER_IMAGE = "application/vnd.docker.distribution.manifest.v2+json";
  static final String DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";
  static final String EMPTY_TYPE = "application/vnd.oci.empty.v1+json";

  /** The digest of the empty JSON object, the config of what has none. */
  static final String EMPTY =
      "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

  private ManifestText() {}

  /** Returns an image without layers; {@code more} is further fields, each with a comma before. */
  static String image(String more) {
    return image(OCI_IMAGE, more);
  }

  static String image(String mediaType, String more) {
    return "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":%s,\"layers\":[]%s}"
        .formatted(mediaType, descriptor(EMPTY_TYPE, EMPTY, 2), more);
  }

  /** Returns an index of {@code children}, which are descriptors with commas between. */
  static String index(String children, String more) {
    return index(OCI_INDEX, children, more);
  }

  static String index(String mediaType, String children, String more) {
    return "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"manifests\":[%s]%s}"
        .formatted(mediaType, children, more);
  }

  static String descriptor(String mediaType, String digest, long size) {
    return "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%d}"
        .formatted(mediaType, digest, size);
  }

  /** Returns the field that attaches a manifest to another, with a comma before it. */
  static String subject(String digest) {
    return ",\"subject\":" + descriptor(OCI_IMAGE, digest, 100);
  }

  /** Returns a text field with a comma before it. */
  static String field(String name, String value) {
    return ",\"%s\":\"%s\"".formatted(name, value);
  }
}
