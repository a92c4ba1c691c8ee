package dev.cistern.server.objects;

import dev.cistern.storage.ObjectName;
import java.util.List;
import java.util.Locale;

/**
 * A kind of object and its names in the API (Kubernetes API conventions, "Types").
 *
 * @param group empty for the core group
 * @param plural the name in paths, in lower case
 * @param isNamespaced whether each object is in a namespace
 * @param shortNames the abbreviations that users may write
 */
public record ResourceType(
    String group,
    String version,
    String plural,
    String singular,
    String kind,
    boolean isNamespaced,
    List<String> shortNames) {
  public ResourceType {
    shortNames = List.copyOf(shortNames);
  }

  /** Returns a type of namespaced objects, whose singular is its kind in lower case. */
  public static ResourceType namespaced(
      String group, String version, String plural, String kind, String... shortNames) {
    return of(group, version, plural, kind, true, shortNames);
  }

  /** Returns a type of objects without a namespace, whose singular is its kind in lower case. */
  public static ResourceType ofCluster(
      String group, String version, String plural, String kind, String... shortNames) {
    return of(group, version, plural, kind, false, shortNames);
  }

  private static ResourceType of(
      String group,
      String version,
      String plural,
      String kind,
      boolean isNamespaced,
      String... shortNames) {
    return new ResourceType(
        group,
        version,
        plural,
        kind.toLowerCase(Locale.ROOT),
        kind,
        isNamespaced,
        List.of(shortNames));
  }

  /** Returns {@code GROUP/VERSION}, or the version for the core group. */
  public String apiVersion() {
    return group.isEmpty() ? version : group + "/" + version;
  }

  /** Returns {@code PLURAL.GROUP}, or the plural for the core group, the form in messages. */
  public String resource() {
    return group.isEmpty() ? plural : plural + "." + group;
  }

  /** Returns {@code KIND.GROUP}, or the kind for the core group, the form in messages. */
  public String qualifiedKind() {
    return group.isEmpty() ? kind : kind + "." + group;
  }

  /**
   * Returns the name under which an object is stored. It has no group, so that a kind of two groups
   * is stored once.
   */
  public ObjectName name(String namespace, String name) {
    return new ObjectName(kind, isNamespaced ? namespace : "", name);
  }
}
