package dev.cistern.mirror.rules;

import dev.cistern.oci.Digest;
import dev.cistern.oci.Reference;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;

/**
 * What a request's name means here.
 *
 * @param repository where it is kept
 * @param copies repositories of this server that a rule names as mirrors of it: what was pushed to
 *     them comes before the sources
 * @param sources where it is filled from, in order; none if it is only what was pushed here
 * @param namespace the value of {@code ns} that was used, to be sent back as OCI-Namespace
 * @param rule by what the sources were found, for people
 * @param via whom the request came through, as its header Via says (RFC 9110 section 7.6.3)
 * @param tags where tags point that are those of an image stream: they are not asked for elsewhere
 */
public record Location(
    RepositoryName repository,
    List<Copy> copies,
    List<PullSource> sources,
    Optional<String> namespace,
    String rule,
    Optional<String> via,
    Optional<Map<Tag, Digest>> tags) {
  public Location {
    copies = List.copyOf(copies);
    sources = List.copyOf(sources);
  }

  /** A repository here that mirrors another, and for which pulls. */
  public record Copy(RepositoryName repository, PullFrom pullFrom) {}

  /** Returns the same for a request that came through {@code proxies}. */
  public Location via(Optional<String> proxies) {
    return proxies.isEmpty()
        ? this
        : new Location(repository, copies, sources, namespace, rule, proxies, tags);
  }

  /** Returns the sources that may be asked for {@code reference}, in order. */
  public List<PullSource> sources(Reference reference) {
    return sources.stream().filter(source -> source.pullFrom().serves(reference)).toList();
  }

  /**
   * Returns the same for what is asked for by digest.
   *
   * @param isLedTo whether a manifest that is here names it: then whoever may be asked for that one
   *     by its tag may be asked for this too
   */
  public Location byDigest(BooleanSupplier isLedTo) {
    if (sources.stream().allMatch(source -> source.pullFrom() != PullFrom.TAG_ONLY)) {
      return this;
    }
    List<PullSource> asked =
        isLedTo.getAsBoolean()
            ? sources.stream().map(source -> source.with(PullFrom.ALL)).distinct().toList()
            : sources.stream().filter(source -> source.pullFrom() != PullFrom.TAG_ONLY).toList();
    return new Location(repository, copies, asked, namespace, rule, via, tags);
  }

  /** Returns the same without the copies that are not meant. */
  public Location withCopies(Predicate<Copy> meant) {
    return copies.stream().allMatch(meant)
        ? this
        : new Location(
            repository,
            copies.stream().filter(meant).toList(),
            sources,
            namespace,
            rule,
            via,
            tags);
  }

  /** Returns the same as an image stream, whose tags point so. */
  Location withTags(Map<Tag, Digest> pointing) {
    return new Location(repository, copies, sources, namespace, rule, via, Optional.of(pointing));
  }

  /** Returns what is to be looked up for a reference: for a tag of an image stream its digest. */
  public Reference resolved(Reference reference) {
    return reference instanceof Tag tag && tags.isPresent()
        ? Optional.<Reference>ofNullable(tags.get().get(tag)).orElse(tag)
        : reference;
  }

  /** Returns a repository here by itself: without copies and sources. */
  public Location only(RepositoryName here) {
    return new Location(here, List.of(), List.of(), namespace, rule, via, Optional.empty());
  }
}
