package dev.cistern.mirror;

import dev.cistern.base.MemoryBudget;
import dev.cistern.base.MemoryBudget.Account;
import dev.cistern.base.MemoryBudget.Lease;
import dev.cistern.mirror.rules.Location;
import dev.cistern.mirror.rules.PullFrom;
import dev.cistern.mirror.rules.PullSource;
import dev.cistern.mirror.upstream.Answer;
import dev.cistern.mirror.upstream.RemoteManifest;
import dev.cistern.oci.Descriptor;
import dev.cistern.oci.Digest;
import dev.cistern.oci.Reference;
import dev.cistern.oci.Tag;
import dev.cistern.storage.Origin;
import dev.cistern.storage.Repositories;
import dev.cistern.storage.UnwritableStoreException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Lookup of images in other registries, so that an image stream can refer to them. Each request
 * goes to the upstreams at once, and only their answer counts: cached content is not used.
 * Blocking.
 */
public final class Import {
  private static final Logger LOG = LoggerFactory.getLogger(Import.class);
  private static final int BUFFER_BYTES = 64 << 10;

  private final Repositories repositories;
  private final Deliveries deliveries;
  private final Asker asker;
  private final MemoryBudget memory;
  private final boolean isKept;

  Import(Repositories repositories, Deliveries deliveries, MemoryBudget memory, boolean isKept) {
    this.repositories = repositories;
    this.deliveries = deliveries;
    this.asker = deliveries.asker();
    this.memory = memory;
    this.isKept = isKept;
  }

  /** Fetches a manifest, and {@linkplain #keep stores} it. */
  public Answer<ParsedManifest> manifest(Location location, Reference reference)
      throws IOException {
    List<PullSource> sources = location.sources(reference);
    if (sources.isEmpty()) {
      return new Answer.Missing<>();
    }
    return asker
        .<ParsedManifest>insist(
            location,
            sources,
            (upstream, source) -> {
              Answer<RemoteManifest> answer = upstream.manifest(source.repository(), reference);
              if (!(answer instanceof Answer.Found<RemoteManifest>(RemoteManifest remote))) {
                return Answer.failure(answer);
              }
              try (remote) {
                return kept(location, ParsedManifest.verified(remote, reference));
              }
            })
        .answer();
  }

  private Answer<ParsedManifest> kept(Location location, Answer<ParsedManifest> answer)
      throws IOException {
    if (answer instanceof Answer.Found<ParsedManifest>(ParsedManifest fetched)) {
      keep(location, fetched);
    }
    return answer;
  }

  /**
   * Stores a manifest in the location's repository, without a tag, unless this lookup stores no
   * manifests. If the store cannot be written, logs that and returns.
   */
  public void keep(Location location, ParsedManifest fetched) throws IOException {
    if (!isKept) {
      return;
    }
    try {
      repositories.put(
          location.repository(), fetched.stored(), fetched.manifest(), List.of(), Origin.CACHED);
    } catch (UnwritableStoreException e) {
      LOG.atWarn()
          .addKeyValue("repository", location.repository())
          .addKeyValue("reason", e.getMessage())
          .log("manifest not stored");
    }
  }

  /** Asks for the digest of a tag; empty if the upstream does not report it. */
  public Answer<Optional<Digest>> digest(Location location, Tag tag) throws IOException {
    List<PullSource> sources = location.sources(tag);
    if (sources.isEmpty()) {
      return new Answer.Missing<>();
    }
    return asker
        .<Optional<Digest>>ask(
            location,
            sources,
            (upstream, source) -> upstream.headManifest(source.repository(), tag))
        .answer();
  }

  /** Asks for all tags of a repository. */
  public Answer<List<String>> tags(Location location) throws IOException {
    List<PullSource> sources =
        location.sources().stream()
            .filter(source -> source.pullFrom() != PullFrom.DIGEST_ONLY)
            .toList();
    if (sources.isEmpty()) {
      return new Answer.Missing<>();
    }
    return asker
        .<List<String>>ask(
            location, sources, (upstream, source) -> upstream.tags(source.repository()))
        .answer();
  }

  /**
   * Reads a whole blob without storing it.
   *
   * @param most the maximum length in bytes
   */
  public Answer<byte[]> blob(Location location, Descriptor blob, int most) throws IOException {
    if (blob.size() > most) {
      return new Answer.Unreachable<>(blob.digest() + " is larger than " + most + " bytes");
    }
    try (Lease lease = memory.lease(Account.UPSTREAM_ANSWERS, List.of())) {
      lease.take(blob.size(), MemoryBudget.PATIENCE);
      return read(location, blob, most);
    } catch (MemoryBudget.RefusedException e) {
      return new Answer.Busy<>(Answer.NO_MEMORY);
    }
  }

  private Answer<byte[]> read(Location location, Descriptor blob, int most) throws IOException {
    DirectBlob.Opened opened =
        DirectBlob.open(deliveries, location, blob.digest(), 0, OptionalLong.empty());
    return switch (opened) {
      case DirectBlob.Opened.Failed(PullSource source, Answer<?> answer) -> Answer.failure(answer);
      case DirectBlob.Opened.Rangeless rangeless ->
          new Answer.Unreachable<>("it sends more than was asked for");
      case DirectBlob.Opened.Coming(DirectBlob coming) -> {
        try (coming) {
          yield new Answer.Found<>(all(coming, most, asker.longest(location.sources())));
        } catch (IOException e) {
          yield new Answer.Unreachable<>(String.valueOf(e.getMessage()));
        }
      }
    };
  }

  /** Reads a small blob completely. The time limit is checked after each read. */
  private static byte[] all(DirectBlob blob, int most, Duration limit) throws IOException {
    long begun = System.nanoTime();
    var bytes = new ByteArrayOutputStream();
    byte[] buffer = new byte[BUFFER_BYTES];
    for (int n = blob.read(buffer); n >= 0; n = blob.read(buffer)) {
      if (bytes.size() + n > most) {
        throw new IOException(blob.digest() + " is larger than " + most + " bytes");
      }
      if (System.nanoTime() - begun > limit.toNanos()) {
        throw new IOException("no whole answer in " + limit.toMillis() + " ms");
      }
      bytes.write(buffer, 0, n);
    }
    return bytes.toByteArray();
  }
}
