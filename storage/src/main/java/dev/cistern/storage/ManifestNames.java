package dev.cistern.storage;

import dev.cistern.oci.Digest;
import dev.cistern.oci.Manifest;
import dev.cistern.oci.OciException;
import dev.cistern.storage.Facts.ManifestFact;
import dev.cistern.storage.Facts.NamesFact;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The digests that stored manifests name. A manifest that an earlier version of Cistern stored has
 * no fact about them. Such a manifest is parsed on the caller's thread, never on that of the index,
 * and then gets the fact. Until then it is neither evicted nor pruned.
 *
 * <p>Safe for all threads.
 */
final class ManifestNames {
  private static final Logger LOG = LoggerFactory.getLogger(ManifestNames.class);
  private static final byte[] EMPTY = {};
  private static final int MAX_FACTS_PER_CHANGE = 100;

  private final Index index;

  ManifestNames(Index index) {
    this.index = index;
  }

  /**
   * Returns the digests that a manifest names. If the fact about them is missing, parses the
   * manifest and stores the fact.
   *
   * @return empty if the manifest is not stored or cannot be parsed
   */
  Optional<NamesFact> learn(Digest digest) throws IOException {
    byte[] known = index.get(Keys.names(digest));
    if (known != null) {
      return Optional.of(NamesFact.decode(known));
    }
    byte[] manifest = index.get(Keys.manifest(digest));
    Optional<NamesFact> names = manifest == null ? Optional.empty() : parsed(digest, manifest);
    if (names.isPresent()) {
      write(Map.of(digest, names.get()));
    }
    return names;
  }

  /**
   * Stores the missing facts of all manifests that can be parsed, page by page, then marks the
   * index. Does nothing in a marked index. Returns the number of stored facts.
   */
  int learnAll() throws IOException {
    byte[] mark = Keys.family(Keys.NAMES);
    if (index.get(mark) != null) {
      return 0;
    }
    var missing = new HashMap<Digest, NamesFact>();
    var count = new int[1];
    index.walk(
        Keys.family(Keys.MANIFEST),
        (key, value) -> {
          Digest digest = Keys.digestAfter(1, key);
          if (index.get(Keys.names(digest)) == null) {
            parsed(digest, value).ifPresent(names -> missing.put(digest, names));
          }
          if (missing.size() == MAX_FACTS_PER_CHANGE) {
            count[0] += write(missing);
            missing.clear();
          }
        });
    count[0] += write(missing);
    index.put(Index.Durability.SYNCED, mark, EMPTY);
    return count[0];
  }

  private static Optional<NamesFact> parsed(Digest digest, byte[] value) {
    byte[] bytes = ManifestFact.decode(value).bytes();
    try {
      return Optional.of(NamesFact.of(Manifest.parse(bytes, Optional.empty()), bytes.length));
    } catch (OciException e) {
      LOG.atWarn()
          .addKeyValue("digest", digest)
          .addKeyValue("reason", e.message())
          .log("stored manifest cannot be parsed, it is neither evicted nor pruned");
      return Optional.empty();
    }
  }

  private int write(Map<Digest, NamesFact> facts) throws IOException {
    var encoded = new HashMap<Digest, byte[]>();
    facts.forEach((digest, names) -> encoded.put(digest, names.encoded()));
    return index.write(
        Index.Durability.VISIBLE,
        batch -> {
          int count = 0;
          for (Map.Entry<Digest, byte[]> fact : encoded.entrySet()) {
            boolean isMissing =
                batch.get(Keys.names(fact.getKey())) == null
                    && batch.has(Keys.manifest(fact.getKey()));
            if (isMissing) {
              batch.put(Keys.names(fact.getKey()), fact.getValue());
              count++;
            }
          }
          return count;
        });
  }
}
