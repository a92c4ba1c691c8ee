package dev.cistern.conformance.clients;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Images in a directory, in the layout of the OCI image specification. */
final class OciLayout {
  private static final String TAG = "org.opencontainers.image.ref.name";
  private static final JsonMapper JSON = new JsonMapper();

  private final Path directory;

  private OciLayout(Path directory) {
    this.directory = directory;
  }

  /** Makes an empty one. */
  static OciLayout create(Path directory) {
    try {
      Files.createDirectories(directory.resolve("blobs/sha256"));
      Files.writeString(directory.resolve("oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}");
      ObjectNode index = JSON.createObjectNode().put("schemaVersion", 2);
      index.putArray("manifests");
      Files.write(directory.resolve("index.json"), JSON.writeValueAsBytes(index));
      return new OciLayout(directory);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the one that a client has written. */
  static OciLayout open(Path directory) {
    return new OciLayout(directory);
  }

  /** Returns what skopeo calls a tag here. */
  String reference(String tag) {
    return "oci:" + directory + ":" + tag;
  }

  /** Adds content and returns its descriptor. */
  ObjectNode put(String mediaType, byte[] content) {
    String digest = digest(content);
    try {
      Files.write(file(digest), content);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return JSON.createObjectNode()
        .put("mediaType", mediaType)
        .put("digest", digest)
        .put("size", content.length);
  }

  /** Adds a manifest or a config and returns its descriptor. */
  ObjectNode put(String mediaType, ObjectNode content) {
    return put(mediaType, JSON.writeValueAsBytes(content));
  }

  /** Lets a tag name a manifest, and no longer the one it named. */
  void tag(String tag, ObjectNode descriptor) {
    ObjectNode index = (ObjectNode) read(directory.resolve("index.json"));
    ArrayNode others = JSON.createArrayNode();
    for (JsonNode entry : index.path("manifests")) {
      if (!tag.equals(entry.path("annotations").path(TAG).asString(""))) {
        others.add(entry);
      }
    }
    ObjectNode tagged = descriptor.deepCopy();
    tagged.putObject("annotations").put(TAG, tag);
    index.set("manifests", others.add(tagged));
    try {
      Files.write(directory.resolve("index.json"), JSON.writeValueAsBytes(index));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the digest of the manifest that a tag names. */
  String digest(String tag) {
    for (JsonNode entry : read(directory.resolve("index.json")).path("manifests")) {
      if (tag.equals(entry.path("annotations").path(TAG).asString(""))) {
        return entry.path("digest").asString();
      }
    }
    throw new AssertionError("no tag " + tag + " in " + directory);
  }

  /** Returns a manifest that may be changed and put back. */
  ObjectNode manifest(String digest) {
    return (ObjectNode) read(file(digest));
  }

  /** Returns content. */
  byte[] content(String digest) {
    try {
      return Files.readAllBytes(file(digest));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the digests of all that is here; every file's bytes are checked against its name. */
  Set<String> contents() {
    var digests = new TreeSet<String>();
    try (Stream<Path> files = Files.list(directory.resolve("blobs/sha256"))) {
      for (Path file : files.toList()) {
        String digest = digest(Files.readAllBytes(file));
        if (!digest.equals("sha256:" + file.getFileName())) {
          throw new AssertionError(file + " has the digest " + digest);
        }
        digests.add(digest);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return digests;
  }

  /** Returns the digest of bytes. */
  static String digest(byte[] content) {
    try {
      byte[] hash = MessageDigest.getInstance("SHA-256").digest(content);
      return "sha256:" + HexFormat.of().formatHex(hash);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-256", e);
    }
  }

  private Path file(String digest) {
    return directory.resolve("blobs").resolve(digest.replace(':', '/'));
  }

  private static JsonNode read(Path file) {
    return JSON.readTree(file.toFile());
  }
}
