package dev.cistern.mirror;

import dev.cistern.mirror.KeptLists.Heard;
import dev.cistern.mirror.rules.Location;
import dev.cistern.mirror.rules.PullFrom;
import dev.cistern.mirror.rules.PullSource;
import dev.cistern.mirror.upstream.Answer;
import dev.cistern.oci.Descriptor;
import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import dev.cistern.storage.Repositories;
import java.io.IOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Executor;
import java.util.function.Function;

/**
 * Service for the lists of a repository's tags and of a manifest's referrers.
 *
 * <p>For a repository with an upstream, a list has the upstream's entries and the pushed ones. If
 * the upstream fails or does not know the repository, the list has all stored entries. For other
 * repositories it has the stored entries, which are read from the index page by page.
 */
final class Lists {
  /** Approximate memory of a text besides its characters, and of a descriptor. */
  private static final int TEXT_BYTES = 96;

  private static final int DESCRIPTOR_BYTES = 512;

  private final Repositories repositories;
  private final KeptLists<RepositoryName, String> tags;
  private final KeptLists<Subject, Descriptor> referrers;

  Lists(
      Repositories repositories,
      Upstreams upstreams,
      Asker asker,
      Outages outages,
      InstantSource clock,
      Duration patience,
      Executor executor) {
    this.repositories = repositories;
    this.tags =
        new KeptLists<>(
            upstreams,
            asker,
            outages,
            clock,
            patience,
            executor,
            (upstream, repository, key) -> upstream.tags(repository),
            tag -> tag,
            tag -> TEXT_BYTES + tag.length());
    this.referrers =
        new KeptLists<>(
            upstreams,
            asker,
            outages,
            clock,
            patience,
            executor,
            (upstream, repository, key) -> upstream.referrers(repository, key.digest()),
            Lists::order,
            Lists::weight);
  }

  private record Subject(RepositoryName repository, Digest digest) {}

  ListAnswer<String> tags(Location location, String last, int most) throws IOException {
    RepositoryName repository = location.repository();
    boolean isHere = repositories.exists(repository);
    List<PullSource> sources =
        location.sources().stream()
            .filter(source -> source.pullFrom() != PullFrom.DIGEST_ONLY)
            .toList();
    List<String> own = ofStream(location, last);
    if (sources.isEmpty()) {
      if (!isHere && location.tags().map(Map::isEmpty).orElse(true)) {
        throw Failures.nameUnknown(repository);
      }
      return new ListAnswer<>(
          and(repositories.tags(repository, last, most), own, most), CacheStatus.HIT);
    }
    Heard<String> heard = tags.ask(repository, location, sources, isHere);
    List<String> found =
        switch (heard.answer()) {
          case Answer.Found<NavigableMap<String, String>>(NavigableMap<String, String> listed) ->
              merged(
                  listed, repositories.pushedTags(repository, last, most), tag -> tag, last, most);
          case Answer<?> failure when isHere -> repositories.tags(repository, last, most);
          case Answer<?> failure ->
              throw Failures.of(failure, heard.source(), Failures.nameUnknown(repository));
        };
    return new ListAnswer<>(and(found, own, most), heard.status());
  }

  /** Returns the tags of an image stream that follow {@code last}. */
  private static List<String> ofStream(Location location, String last) {
    return location.tags().map(Map::keySet).orElse(Set.of()).stream()
        .map(Tag::name)
        .filter(name -> name.compareTo(last) > 0)
        .toList();
  }

  private static List<String> and(List<String> tags, List<String> more, int most) {
    if (more.isEmpty()) {
      return tags;
    }
    var all = new TreeSet<>(tags);
    all.addAll(more);
    return all.stream().limit(most).toList();
  }

  ListAnswer<Descriptor> referrers(
      Location location, Digest subject, Optional<Digest> last, int most) throws IOException {
    RepositoryName repository = location.repository();
    if (location.sources().isEmpty()) {
      return new ListAnswer<>(
          repositories.referrers(repository, subject, last, most), CacheStatus.HIT);
    }
    boolean isHere = !repositories.referrers(repository, subject, Optional.empty(), 1).isEmpty();
    Heard<Descriptor> heard =
        referrers.ask(new Subject(repository, subject), location, location.sources(), isHere);
    List<Descriptor> found =
        switch (heard.answer()) {
          case Answer.Found<NavigableMap<String, Descriptor>>(
                  NavigableMap<String, Descriptor> listed) ->
              merged(
                  listed,
                  repositories.pushedReferrers(repository, subject, last, most),
                  Lists::order,
                  last.map(Digest::toString).orElse(""),
                  most);
          case Answer<?> failure when isHere || failure instanceof Answer.Missing ->
              repositories.referrers(repository, subject, last, most);
          case Answer<?> failure ->
              throw Failures.of(failure, heard.source(), Failures.nameUnknown(repository));
        };
    return new ListAnswer<>(found, heard.status());
  }

  /**
   * Returns the first {@code most} entries of both that follow {@code last}; pushed entries win.
   */
  private static <T> List<T> merged(
      NavigableMap<String, T> listed,
      List<T> pushed,
      Function<T, String> order,
      String last,
      int most) {
    var both = new TreeMap<String, T>();
    listed.tailMap(last, false).entrySet().stream()
        .limit(most)
        .forEach(entry -> both.put(entry.getKey(), entry.getValue()));
    pushed.forEach(entry -> both.put(order.apply(entry), entry));
    return both.values().stream().limit(most).toList();
  }

  private static String order(Descriptor descriptor) {
    return descriptor.digest().toString();
  }

  private static int weight(Descriptor descriptor) {
    int annotations =
        descriptor.annotations().entrySet().stream()
            .mapToInt(
                entry -> 2 * TEXT_BYTES + 2 * (entry.getKey().length() + entry.getValue().length()))
            .sum();
    return DESCRIPTOR_BYTES + annotations;
  }
}
