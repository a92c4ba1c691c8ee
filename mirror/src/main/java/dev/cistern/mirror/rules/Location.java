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
 * The result of resolving a requested name: a repository in this store and its pull sources.
 *
 * @param repository the repository that stores the content
 * @param copies the repositories of this server that a rule names as mirrors of it; content pushed
 *     to them takes precedence over the sources
 * @param sources the sources that fill it, in order; none if all of its content is pushed
 * @param namespace the value of {@code ns} that was used, to be returned as OCI-Namespace
 * @param rule the rule that determined the sources, as text for messages
 * @param via the proxies that the request passed, from its header Via (RFC 9110 section 7.6.3)
 * @param tags the digests of the tags of an image stream, if it is one; these tags are not
 *     requested from the sources
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

  /** A repository in this store that mirrors another one, and the pulls that it serves. */
  public record Copy(RepositoryName repository, PullFrom pullFrom) {}

  /** Returns this location for a request that passed through {@code proxies}. */
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
   * Returns this location for a request by digest.
   *
   * @param isLedTo whether a stored manifest names the content; then the sources that serve only
   *     tags may be asked for it too
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

  /** Returns this location with only those copies that {@code meant} accepts. */
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

  /** Returns this location as that of an image stream with these tags. */
  Location withTags(Map<Tag, Digest> pointing) {
    return new Location(repository, copies, sources, namespace, rule, via, Optional.of(pointing));
  }

  /**
   * Returns the reference to look up: the digest for a tag of an image stream, else the reference.
   */
  public Reference resolved(Reference reference) {
    return reference instanceof Tag tag && tags.isPresent()
        ? Optional.<Reference>ofNullable(tags.get().get(tag)).orElse(tag)
        : reference;
  }

  /** Returns a location of the repository {@code here} alone, without copies and sources. */
  public Location only(RepositoryName here) {
    return new Location(here, List.of(), List.of(), namespace, rule, via, Optional.empty());
  }
}
