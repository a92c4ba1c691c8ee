package dev.cistern.storage;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.oci.Digest;
import dev.cistern.oci.Manifest;
import dev.cistern.oci.RepositoryName;
import dev.cistern.storage.Facts.BlobFact;
import dev.cistern.storage.Facts.ManifestFact;
import dev.cistern.storage.Facts.NamesFact;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import java.util.stream.Stream;

/** Compares what a store says with what is on its disk. */
final class Audit {
  private Audit() {}

  /** Returns the bytes of all files of blobs, downloads, uploads and the quarantine. */
  static long bytes(Path directory) throws IOException {
    long bytes = 0;
    for (String part : new String[] {"blobs", "fills", "uploads", "quarantine"}) {
      try (Stream<Path> files = Files.walk(directory.resolve(part))) {
        for (Path file : files.filter(Files::isRegularFile).toList()) {
          bytes += Files.size(file);
        }
      }
    }
    return bytes;
  }

  /** Checks a store that is open and at rest: what is counted is what is there. */
  static void counted(Store store, Path directory, String when) throws IOException {
    assertThat(store.contentBytes()).as(when + ": bytes counted").isEqualTo(bytes(directory));
  }

  /** Checks a store that is closed: every fact has its file, every file its fact. */
  static void closed(Path directory, String when) throws IOException {
    var layout = new Layout(directory);
    Map<Digest, Long> facts = new HashMap<>();
    byte[] blobs = Keys.family(Keys.BLOB);
    try (Index index = Index.open(layout.index())) {
      index.scan(
          blobs,
          blobs,
          (key, value) -> {
            facts.put(Keys.digestAfter(1, key), BlobFact.decode(value).size());
            return true;
          });
      assertThat(Blobs.bytes(index.get(Keys.family(Keys.BLOB_BYTES))))
          .as(when + ": bytes of facts")
          .isEqualTo(facts.values().stream().mapToLong(Long::longValue).sum());
    }
    Map<Digest, Long> files = new HashMap<>();
    try (Stream<Path> found = Files.walk(directory.resolve("blobs"))) {
      for (Path file : found.filter(Files::isRegularFile).toList()) {
        files.put(
            new Digest(Digest.Algorithm.SHA256, String.valueOf(file.getFileName())),
            Files.size(file));
      }
    }
    assertThat(files).as(when + ": files").isEqualTo(facts);
  }

  /**
   * Checks a store that is closed and was collected without grace: what is there is reached, and
   * what says who reaches it agrees with the links and manifests.
   */
  static void reachable(Path directory, String when) throws IOException {
    var expected = new TreeSet<String>();
    var actual = new TreeSet<String>();
    var named = new HashSet<Digest>();
    var kept = new HashSet<Digest>();
    var linked = new HashSet<Digest>();
    var stored = new HashSet<Digest>();
    var blobs = new HashSet<Digest>();
    try (Index index = Index.open(new Layout(directory).index())) {
      each(
          index,
          Keys.MANIFEST_LINK,
          (key, value) -> {
            RepositoryName name = Keys.scopeOf(key);
            kept.add(Keys.digestIn(name, key));
            expected.add(hex(Keys.keeper(Keys.digestIn(name, key), name)));
          });
      each(
          index,
          Keys.BLOB_LINK,
          (key, value) -> {
            RepositoryName name = Keys.scopeOf(key);
            linked.add(Keys.digestIn(name, key));
            expected.add(hex(Keys.linker(Keys.digestIn(name, key), name)));
          });
      each(
          index,
          Keys.MANIFEST,
          (key, value) -> {
            Digest digest = Keys.digestAfter(1, key);
            stored.add(digest);
            Manifest manifest =
                Manifest.parse(ManifestFact.decode(value).bytes(), Optional.empty());
            byte[] names = requireNonNull(index.get(Keys.names(digest)), "what it names");
            assertThat(NamesFact.decode(names))
                .isEqualTo(NamesFact.of(manifest, ManifestFact.decode(value).bytes().length));
            for (Digest each : NamesFact.decode(names).digests()) {
              named.add(each);
              expected.add(hex(Keys.namer(each, digest)));
            }
          });
      each(index, Keys.BLOB, (key, value) -> blobs.add(Keys.digestAfter(1, key)));
      each(index, Keys.HOLDER, (key, value) -> actual.add(hex(key)));
      each(
          index,
          Keys.NAMES,
          (key, value) -> {
            if (key.length > 1) {
              assertThat(stored).as(when + ": names").contains(Keys.digestAfter(1, key));
            }
          });
      assertThat(index.hasAny(Keys.family(Keys.INTENT))).as(when + ": intents").isFalse();
    }
    assertThat(actual).as(when + ": holders").isEqualTo(expected);
    assertThat(kept).as(when + ": manifests").isEqualTo(stored);
    assertThat(blobs)
        .as(when + ": blobs")
        .allMatch(blob -> named.contains(blob) || linked.contains(blob));
  }

  private static void each(Index index, byte letter, BiConsumer<byte[], byte[]> visitor) {
    byte[] family = Keys.family(letter);
    index.scan(
        family,
        family,
        (key, value) -> {
          visitor.accept(key, value);
          return true;
        });
  }

  private static String hex(byte[] key) {
    return HexFormat.of().formatHex(key);
  }
}
