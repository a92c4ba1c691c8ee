package dev.cistern.oci;

import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The name of an image in the form that users write: {@code quay.io/org/app:v1}, {@code app},
 * {@code registry.example.com:8443/app@sha256:...}. Without tag and digest, the tag is {@code
 * latest}. If a name has both, the digest counts.
 *
 * @param host the registry, if it has a port; repository names cannot contain a port
 * @param repository the rest of the name
 */
public record ImageReference(
    Optional<String> host, RepositoryName repository, Reference reference) {
  private static final Pattern HOST_WITH_PORT = Pattern.compile("[a-zA-Z0-9.-]+:\\d{1,5}");

  /**
   * Parses a reference.
   *
   * @throws OciException if name, tag or digest are malformed
   */
  public static ImageReference parse(String text) {
    int at = text.indexOf('@');
    String named = at < 0 ? text : text.substring(0, at);
    int colon = named.indexOf(':', named.lastIndexOf('/') + 1);
    String name = colon < 0 ? named : named.substring(0, colon);
    Tag tag = new Tag(colon < 0 ? "latest" : named.substring(colon + 1));
    Reference reference = at < 0 ? tag : Digest.parse(text.substring(at + 1));
    int slash = name.indexOf('/');
    String first = slash < 0 ? "" : name.substring(0, slash);
    return HOST_WITH_PORT.matcher(first).matches()
        ? new ImageReference(
            Optional.of(first), new RepositoryName(name.substring(slash + 1)), reference)
        : new ImageReference(Optional.empty(), new RepositoryName(name), reference);
  }

  @Override
  public String toString() {
    String separator = reference instanceof Digest ? "@" : ":";
    return host.map(text -> text + "/").orElse("") + repository + separator + reference;
  }
}
