package dev.cistern.server.cli.objects;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A pull spec in the arguments of a command: {@code [REGISTRY/][NAMESPACE/]NAME[:TAG][@DIGEST]}.
 * Missing parts are empty.
 *
 * @param name the name with all components after the namespace
 */
public record DockerImageReference(
    String registry, String namespace, String name, String tag, String digest) {
  private static final String COMPONENT = "[a-z0-9]+(?:(?:[._]|__|-*)[a-z0-9]+)*";
  private static final String LABEL = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
  private static final String HOST = LABEL + "(?:\\." + LABEL + ")*(?::[0-9]+)?";
  private static final Pattern REFERENCE =
      Pattern.compile(
          "((?:"
              + HOST
              + "/)?"
              + COMPONENT
              + "(?:/"
              + COMPONENT
              + ")*)(?::(\\w[\\w.-]{0,127}))?"
              + "(?:@([A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?");
  private static final Pattern REGISTRY = Pattern.compile(".*[.:].*|localhost");
  private static final int LONGEST = 4096;

  /**
   * Parses a pull spec.
   *
   * @throws ObjectException if it is invalid
   */
  public static DockerImageReference parse(String text) {
    Matcher parts = REFERENCE.matcher(text);
    if (text.length() > LONGEST || !parts.matches()) {
      throw new ObjectException(complaint(text));
    }
    String path = parts.group(1);
    int slash = path.indexOf('/');
    boolean hasRegistry = slash >= 0 && REGISTRY.matcher(path.substring(0, slash)).matches();
    if (slash < 0 && (path.contains(".") || path.startsWith("localhost"))) {
      return new DockerImageReference(text, "", "", "", "");
    }
    String rest = hasRegistry ? path.substring(slash + 1) : path;
    int second = rest.indexOf('/');
    return new DockerImageReference(
        hasRegistry ? path.substring(0, slash) : "",
        second < 0 ? "" : rest.substring(0, second),
        rest.substring(second + 1),
        text(parts.group(2)),
        text(parts.group(3)));
  }

  private static String text(@Nullable String group) {
    return group == null ? "" : group;
  }

  private static String complaint(String text) {
    if (text.isEmpty()) {
      return "repository name must have at least one component";
    }
    return REFERENCE.matcher(text.toLowerCase(Locale.ROOT)).matches()
        ? "repository name must be lowercase"
        : "invalid reference format";
  }

  /** Returns this pull spec with a digest, and no tag. */
  public DockerImageReference withDigest(String other) {
    return new DockerImageReference(registry, namespace, name, "", other);
  }

  /** Returns this pull spec with another namespace. */
  DockerImageReference in(String other) {
    return new DockerImageReference(registry, other, name, tag, digest);
  }

  /** Returns the name with its digest, or else its tag. */
  public String nameString() {
    if (name.isEmpty()) {
      return "";
    }
    return name + (!digest.isEmpty() ? "@" + digest : tag.isEmpty() ? "" : ":" + tag);
  }

  /** Returns the complete pull spec. */
  public String exact() {
    return name.isEmpty()
        ? ""
        : (registry.isEmpty() ? "" : registry + "/")
            + (namespace.isEmpty() ? "" : namespace + "/")
            + nameString();
  }
}
