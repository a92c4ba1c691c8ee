package dev.cistern.oci;

import java.util.regex.Pattern;

/**
 * The name of a repository within one registry, such as {@code library/alpine} (distribution
 * specification, "Pulling manifests").
 */
public record RepositoryName(String path) implements Comparable<RepositoryName> {
  private static final int MAX_LENGTH = 255;
  private static final String COMPONENT = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
  private static final Pattern FORMAT = Pattern.compile(COMPONENT + "(?:/" + COMPONENT + ")*");

  public RepositoryName {
    if (path.length() > MAX_LENGTH || !FORMAT.matcher(path).matches()) {
      throw new OciException(
          ErrorCode.NAME_INVALID,
          "not a repository name: " + Texts.shown(path),
          "a name is at most 255 characters: components of a-z 0-9, separated inside by one of . _ __ or"
              + " dashes, joined by /");
    }
  }

  /** Returns the first path component. */
  public String first() {
    int slash = path.indexOf('/');
    return slash < 0 ? path : path.substring(0, slash);
  }

  @Override
  public int compareTo(RepositoryName other) {
    return path.compareTo(other.path);
  }

  @Override
  public String toString() {
    return path;
  }
}
