package dev.cistern.server.registry;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import dev.cistern.mirror.CacheStatus;
import dev.cistern.mirror.rules.Location;
import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import dev.cistern.server.http.Reply;
import dev.cistern.server.http.Request;
import dev.cistern.storage.Repositories;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The cache of recent responses, which event loops send without blocking: manifests and small blobs
 * in memory, others as open files. The key is the request's target.
 *
 * <p>An entry is valid while the version of its repository and copies has not changed. That version
 * is read before the entry is created, so that a push or delete invalidates it at once. An entry
 * for a tag is valid only until its upstream must be asked.
 */
final class HotContent {
  private static final long MOST_BYTES = 32L << 20;
  private static final int ENTRY_BYTES = 1 << 10;
  private static final int OPEN_FILE_BYTES = 64 << 10;
  private static final Duration LONGEST = Duration.ofMinutes(10);

  private final Repositories repositories;
  private final InstantSource clock;
  private final Cache<String, Entry> entries =
      Caffeine.newBuilder()
          .maximumWeight(MOST_BYTES)
          .weigher(HotContent::weight)
          .expireAfterWrite(LONGEST)
          .executor(Runnable::run)
          .<String, Entry>removalListener((target, entry, cause) -> release(entry))
          .build();

  HotContent(Repositories repositories, InstantSource clock) {
    this.repositories = repositories;
    this.clock = clock;
  }

  /**
   * A cached response.
   *
   * @param copies the copies that the content may come from; a caller who may not pull from all of
   *     them does not get the entry
   * @param reference the reference for the log
   * @param version the version of the repository and its copies before the content was looked up
   * @param use records the use of the content
   * @param stale the time from which an upstream must be asked
   */
  record Entry(
      RepositoryName repository,
      List<Location.Copy> copies,
      String reference,
      long version,
      Runnable use,
      Optional<Instant> stale,
      Optional<String> namespace,
      CacheStatus status,
      Content content) {}

  /** Returns the response if it is cached and permitted, or null. Does not block. */
  @Nullable Reply reply(Request request, Predicate<Entry> mayHave) {
    Entry entry = entries.getIfPresent(request.target());
    if (entry == null
        || version(entry.repository, entry.copies) != entry.version
        || !mayHave.test(entry)) {
      return null;
    }
    CacheStatus status = entry.status;
    if (entry.stale.isPresent()) {
      Instant now = clock.instant();
      if (!now.isBefore(entry.stale.get())) {
        return null;
      }
      status = status.freshFor(Duration.between(now, entry.stale.get()));
    }
    if (!hold(entry)) {
      return null;
    }
    try {
      entry.use.run();
      request.about(entry.repository.path(), entry.reference);
      Reply reply = entry.content.reply(request).cache(status);
      entry.namespace.ifPresent(namespace -> reply.header("OCI-Namespace", namespace));
      return reply;
    } finally {
      release(entry);
    }
  }

  /** Returns a number that changes with every change that invalidates earlier responses. */
  long version(RepositoryName repository, List<Location.Copy> copies) {
    long version = repositories.version(repository);
    for (Location.Copy copy : copies) {
      version += repositories.version(copy.repository());
    }
    return version;
  }

  /** Adds an entry. Holds its file until the entry is removed. */
  void keep(Request request, Entry entry) {
    if (hold(entry)) {
      entries.put(request.target(), entry);
    }
  }

  /**
   * Removes the entries of a blob, in memory or as a file. Responses that send it have holds of
   * their own.
   */
  void letGo(Digest digest) {
    entries.asMap().values().removeIf(entry -> entry.content.digest().equals(digest));
  }

  void close() {
    entries.invalidateAll();
    entries.cleanUp();
  }

  private static int weight(String target, Entry entry) {
    return ENTRY_BYTES
        + 2 * target.length()
        + switch (entry.content.source()) {
          case Content.Source.Memory(byte[] bytes) -> bytes.length;
          case Content.Source.File file -> OPEN_FILE_BYTES;
          case Content.Source.Growing growing -> 0;
          case Content.Source.Direct direct -> 0;
          case Content.Source.HeadOnly head -> 0;
        };
  }

  /**
   * Holds the file of an entry, if it has one. Returns false if the entry was removed meanwhile.
   */
  private static boolean hold(Entry entry) {
    return !(entry.content.source() instanceof Content.Source.File(var blob)) || blob.retain();
  }

  private static void release(@Nullable Entry entry) {
    if (entry != null && entry.content.source() instanceof Content.Source.File(var blob)) {
      blob.release();
    }
  }
}
