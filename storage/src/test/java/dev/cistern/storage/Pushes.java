package dev.cistern.storage;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cistern.oci.Digest;
import dev.cistern.oci.Manifest;
import dev.cistern.oci.MediaType;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What clients and upstreams bring to a store, in few words. */
final class Pushes {
  private Pushes() {}

  static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }

  /** Appends as one request does. */
  static void append(Upload upload, byte[] content) throws IOException {
    try (Upload.Hold hold = upload.hold()) {
      hold.append(ByteBuffer.wrap(content));
    }
  }

  static void finish(Upload upload, Digest digest) throws IOException {
    try (Upload.Hold hold = upload.hold()) {
      hold.finish(digest);
    }
  }

  static Digest blob(Store store, RepositoryName repository, byte[] content) throws IOException {
    Digest digest = Digest.of(content);
    Upload upload = store.uploads().start(repository, "somebody", digest.algorithm());
    append(upload, content);
    finish(upload, digest);
    return digest;
  }

  /** Brings a blob as a download does: stored, linked nowhere. */
  static Digest fetched(Store store, byte[] content) throws IOException {
    Digest digest = Digest.of(content);
    try (PartialBlob partial = store.blobs().partial(digest)) {
      partial.resume();
      partial.append(ByteBuffer.wrap(content), length -> {});
      partial.commit();
    }
    return digest;
  }

  static Digest manifest(
      Store store, RepositoryName repository, byte[] bytes, Origin origin, String... tags)
      throws IOException {
    Manifest manifest = Manifest.parse(bytes, Optional.empty());
    var stored = new StoredManifest(Digest.of(bytes), manifest.mediaType(), bytes);
    store
        .repositories()
        .put(repository, stored, manifest, Arrays.stream(tags).map(Tag::new).toList(), origin);
    return stored.digest();
  }

  /** Brings an image as a pull does: the manifest, then its blobs. */
  static Digest pulled(Store store, RepositoryName repository, String tag, byte[]... blobs)
      throws IOException {
    Digest[] digests = Stream.of(blobs).map(Digest::of).toArray(Digest[]::new);
    Digest image =
        manifest(store, repository, image(tag, Optional.empty(), digests), Origin.CACHED, tag);
    for (byte[] blob : blobs) {
      fetched(store, blob);
    }
    return image;
  }

  static byte[] index(String annotation, Optional<Digest> subject, Digest... children) {
    return bytes(
        "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"manifests\":[%s]%s,\"annotations\":{\"a\":\"%s\"}}"
            .formatted(
                MediaType.OCI_INDEX.name(),
                Stream.of(children)
                    .map(child -> descriptor(MediaType.OCI_IMAGE.name(), child))
                    .collect(Collectors.joining(",")),
                subject.map(digest -> ",\"subject\":" + descriptor(digest)).orElse(""),
                annotation));
  }

  static byte[] image(String annotation, Optional<Digest> subject, Digest... blobs) {
    return bytes(
        "{\"schemaVersion\":2,\"config\":%s,\"layers\":[%s]%s,\"annotations\":{\"a\":\"%s\"}}"
            .formatted(
                descriptor(Digest.of(new byte[0])),
                Stream.of(blobs).map(Pushes::descriptor).collect(Collectors.joining(",")),
                subject.map(digest -> ",\"subject\":" + descriptor(digest)).orElse(""),
                annotation));
  }

  private static String descriptor(Digest digest) {
    return descriptor("application/json", digest);
  }

  private static String descriptor(String mediaType, Digest digest) {
    return "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":1}".formatted(mediaType, digest);
  }
}
