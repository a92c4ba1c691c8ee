package dev.cistern.mirror.rules;

import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Texts;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Finds the upstream of a name: by {@code ?ns=HOST}, by a first path component that is an
 * upstream's name, by the default upstream. A host from outside is only ever looked up, never
 * dialled.
 */
public final class MirrorRules {
  private static final String HUB = "docker.io";

  private final Map<String, String> nameByRegistry;
  private final Optional<String> defaultUpstream;

  /**
   * @param nameByRegistry for each upstream its name, by the host that clients know it by
   * @param defaultUpstream the name of the upstream of all names without one
   */
  public MirrorRules(Map<String, String> nameByRegistry, Optional<String> defaultUpstream) {
    this.nameByRegistry = Map.copyOf(nameByRegistry);
    this.defaultUpstream = defaultUpstream;
  }

  /** Returns the one name of a registry host that has several. */
  public static String canonicalHost(String host) {
    String lower = host.toLowerCase(Locale.ROOT);
    return switch (lower) {
      case "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com" -> HUB;
      default -> lower;
    };
  }

  /**
   * Finds what {@code name} means.
   *
   * @param namespace the request's {@code ns} parameter
   * @throws OciException with NAME_UNKNOWN, if no upstream is configured for {@code namespace}
   */
  public Location locate(RepositoryName name, Optional<String> namespace) {
    if (namespace.isPresent()) {
      String upstream = nameByRegistry.get(canonicalHost(namespace.get()));
      if (upstream == null) {
        throw new OciException(
            ErrorCode.NAME_UNKNOWN,
            "no upstream is configured for ns=" + Texts.shown(namespace.get()),
            "add it under upstreams in the configuration, with registry: and its host");
      }
      return below(upstream, name, namespace);
    }
    @Nullable String upstream = nameOf(name.first());
    if (upstream != null && name.first().length() < name.path().length()) {
      String rest = name.path().substring(name.first().length() + 1);
      return below(upstream, new RepositoryName(rest), namespace);
    }
    List<PullSource> sources =
        defaultUpstream.map(found -> new PullSource(found, at(found, name))).stream().toList();
    return new Location(name, sources, namespace);
  }

  private @Nullable String nameOf(String first) {
    return nameByRegistry.containsValue(first) ? first : nameByRegistry.get(canonicalHost(first));
  }

  private static Location below(String upstream, RepositoryName name, Optional<String> namespace) {
    RepositoryName repository = at(upstream, name);
    return new Location(
        new RepositoryName(upstream + "/" + repository),
        List.of(new PullSource(upstream, repository)),
        namespace);
  }

  /** At Docker Hub a name of one component is short for one below library/. */
  private static RepositoryName at(String upstream, RepositoryName name) {
    boolean isShort = upstream.equals(HUB) && name.path().indexOf('/') < 0;
    return isShort ? new RepositoryName("library/" + name) : name;
  }
}
