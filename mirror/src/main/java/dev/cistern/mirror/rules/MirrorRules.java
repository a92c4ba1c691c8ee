package dev.cistern.mirror.rules;

import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Texts;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Finds the upstream of a name: by {@code ?ns=HOST}, by a first path component that is an
 * upstream's name, by the default upstream. A host from outside is only ever looked up, never
 * dialled.
 */
public final class MirrorRules {
  private static final String HUB = "docker.io";

  private final Map<String, Registry> byHost = new HashMap<>();
  private final Map<String, Registry> byName = new HashMap<>();
  private final Optional<Registry> defaultRegistry;

  /**
   * @param defaultUpstream the name of the upstream of all names without one
   */
  public MirrorRules(Collection<Registry> registries, Optional<String> defaultUpstream) {
    for (Registry registry : registries) {
      byHost.put(registry.host(), registry);
      byName.put(registry.name(), registry);
    }
    this.defaultRegistry = defaultUpstream.map(byName::get);
  }

  /**
   * A registry that is mirrored.
   *
   * @param host by which clients know it
   * @param name under which it is kept here
   * @param endpoints how many there are to pull from
   * @param isDigestOnly whether its tags are never asked for
   */
  public record Registry(String host, String name, int endpoints, boolean isDigestOnly) {
    List<PullSource> sources(RepositoryName repository) {
      return IntStream.range(0, endpoints)
          .mapToObj(endpoint -> new PullSource(name, endpoint, repository, isDigestOnly))
          .toList();
    }
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
      Registry registry = byHost.get(canonicalHost(namespace.get()));
      if (registry == null) {
        throw new OciException(
            ErrorCode.NAME_UNKNOWN,
            "no upstream is configured for ns=" + Texts.shown(namespace.get()),
            "add it under upstreams in the configuration, with registry: and its host");
      }
      return below(registry, name, namespace, "the parameter ns is " + namespace.get());
    }
    @Nullable Registry registry = named(name.first());
    if (registry != null && name.first().length() < name.path().length()) {
      String rest = name.path().substring(name.first().length() + 1);
      return below(
          registry, new RepositoryName(rest), namespace, "the name begins with " + name.first());
    }
    List<PullSource> sources =
        defaultRegistry.map(found -> found.sources(at(found, name))).orElse(List.of());
    String rule =
        defaultRegistry
            .map(found -> "the default upstream is " + found.name())
            .orElse("no upstream's name or host is its beginning: it is what was pushed here");
    return new Location(name, sources, namespace, rule);
  }

  private @Nullable Registry named(String first) {
    Registry named = byName.get(first);
    return named == null ? byHost.get(canonicalHost(first)) : named;
  }

  private static Location below(
      Registry registry, RepositoryName name, Optional<String> namespace, String rule) {
    RepositoryName repository = at(registry, name);
    return new Location(
        new RepositoryName(registry.name() + "/" + repository),
        registry.sources(repository),
        namespace,
        rule);
  }

  /** At Docker Hub a name of one component is short for one below library/. */
  private static RepositoryName at(Registry registry, RepositoryName name) {
    boolean isShort = registry.name().equals(HUB) && name.path().indexOf('/') < 0;
    return isShort ? new RepositoryName("library/" + name) : name;
  }
}
