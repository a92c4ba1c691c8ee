package dev.cistern.server.streams;

import dev.cistern.oci.Digest;
import dev.cistern.oci.OciException;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import java.util.Optional;

/**
 * A pull spec as users write it: {@code [HOST/]REPOSITORY[:TAG][@DIGEST]}. The first component is a
 * registry if it contains a dot or a colon, or is {@code localhost}.
 *
 * @param registry the registry as written; empty for Docker Hub
 */
public record PullSpec(
    Optional<String> registry,
    RepositoryName repository,
    Optional<Tag> tag,
    Optional<Digest> digest) {
  /** The registry of a pull spec without one. */
  public static final String DEFAULT_REGISTRY = "docker.io";

  private static final Tag LATEST = new Tag("latest");

  /**
   * Parses a pull spec.
   *
   * @throws OciException if it is invalid
   */
  public static PullSpec parse(String text) {
    int at = text.indexOf('@');
    Optional<Digest> digest =
        at < 0 ? Optional.empty() : Optional.of(Digest.parse(text.substring(at + 1)));
    String named = at < 0 ? text : text.substring(0, at);
    int colon = named.lastIndexOf(':');
    boolean isTagged = colon > named.lastIndexOf('/') && colon >= 0;
    Optional<Tag> tag =
        isTagged ? Optional.of(new Tag(named.substring(colon + 1))) : Optional.empty();
    String name = isTagged ? named.substring(0, colon) : named;
    int slash = name.indexOf('/');
    String first = slash < 0 ? "" : name.substring(0, slash);
    boolean isRegistry = first.contains(".") || first.contains(":") || first.equals("localhost");
    return isRegistry
        ? new PullSpec(
            Optional.of(first), new RepositoryName(name.substring(slash + 1)), tag, digest)
        : new PullSpec(Optional.empty(), new RepositoryName(name), tag, digest);
  }

  /** Returns the registry, or the default one. */
  public String host() {
    return registry.orElse(DEFAULT_REGISTRY);
  }

  /** Returns the tag, or {@code latest}. It is requested if there is no digest. */
  public Tag tagOrLatest() {
    return tag.orElse(LATEST);
  }

  /** Returns this pull spec without tag and digest. */
  public PullSpec bare() {
    return new PullSpec(registry, repository, Optional.empty(), Optional.empty());
  }

  /** Returns this pull spec with another tag, and no digest. */
  public PullSpec with(Tag other) {
    return new PullSpec(registry, repository, Optional.of(other), Optional.empty());
  }

  /** Returns this pull spec with a digest, and no tag. */
  public PullSpec with(Digest other) {
    return new PullSpec(registry, repository, Optional.empty(), Optional.of(other));
  }

  @Override
  public String toString() {
    return registry.map(host -> host + "/").orElse("")
        + repository
        + tag.map(name -> ":" + name).orElse("")
        + digest.map(name -> "@" + name).orElse("");
  }
}
