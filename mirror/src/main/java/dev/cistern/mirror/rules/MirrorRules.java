package dev.cistern.mirror.rules;

import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Texts;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The rules that resolve a requested name to a {@link Location}. A name is resolved by {@code
 * ?ns=HOST} or as a mirror that a rule names. Otherwise, a registry as the first path component or
 * the default upstream decides. A host in a request is only looked up among the upstreams and the
 * rules, and never dialed.
 *
 * <p>The rules (registries.conf and mirror sets) then determine the sources of a registry's
 * content. Only the most specific rule applies. Without a rule, the source is the registry itself.
 */
public final class MirrorRules {
  private static final String HUB = "docker.io";
  private static final Pattern HOST = Pattern.compile("[a-z0-9](?:[a-z0-9.-]*)(?::\\d{1,5})?");

  private final Map<String, Registry> byHost = new HashMap<>();
  private final Map<String, Registry> byName = new HashMap<>();
  private final Optional<Registry> defaultRegistry;
  private final RegistriesConf outbound;
  private final Inbound inbound;
  private final Set<String> own;
  private final Set<String> secretive;

  /** Creates rules without mirror sets. */
  public MirrorRules(Collection<Registry> registries, Optional<String> defaultUpstream) {
    this(registries, defaultUpstream, RegistriesConf.EMPTY, List.of(), Set.of(), Set.of());
  }

  /**
   * @param defaultUpstream the name of the upstream for all names without one
   * @param outbound the rules for the sources of pulls
   * @param sets the mirror sets, whose mirrors may be repositories of this server
   * @param own the names of this server, each {@code host[:port]}
   * @param secretive the namespaces that have pull secrets of their own
   */
  public MirrorRules(
      Collection<Registry> registries,
      Optional<String> defaultUpstream,
      RegistriesConf outbound,
      Collection<MirrorSet> sets,
      Collection<String> own,
      Collection<String> secretive) {
    for (Registry registry : registries) {
      byHost.put(registry.host(), registry);
      byName.put(registry.name(), registry);
    }
    this.defaultRegistry = defaultUpstream.map(byName::get);
    this.outbound = outbound;
    this.own = Set.copyOf(own);
    this.secretive = Set.copyOf(secretive);
    this.inbound = new Inbound(sets, this.own);
  }

  /**
   * A mirrored registry.
   *
   * @param host the host that clients use for it
   * @param name the first path component of its repositories in this store
   * @param endpoints the number of endpoints to pull from
   * @param secureEndpoints the number of endpoints that are requested over TLS
   * @param isDigestOnly whether its tags are never requested
   */
  public record Registry(
      String host, String name, int endpoints, int secureEndpoints, boolean isDigestOnly) {}

  /** Returns the canonical name of a registry host; some registries have several names. */
  public static String canonicalHost(String host) {
    String lower = host.toLowerCase(Locale.ROOT);
    return switch (lower) {
      case "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com" -> HUB;
      default -> lower;
    };
  }

  /**
   * Resolves {@code name}.
   *
   * @param namespace the request's {@code ns} parameter
   * @throws OciException with NAME_UNKNOWN, if neither an upstream nor a rule is for {@code
   *     namespace}
   */
  public Location locate(RepositoryName name, Optional<String> namespace) {
    return locate(name, namespace, any -> Optional.empty());
  }

  /**
   * Resolves {@code name}, which may be an image stream.
   *
   * @param streams a function that returns the image stream of a repository, if it is one
   * @throws OciException with NAME_UNKNOWN, if neither an upstream nor a rule is for {@code
   *     namespace}
   */
  public Location locate(
      RepositoryName name,
      Optional<String> namespace,
      Function<RepositoryName, Optional<StreamContent>> streams) {
    if (namespace.isPresent()) {
      String host = canonicalHost(namespace.get());
      Registry registry =
          known(host)
              .orElseThrow(() ->
                  new OciException(
                      ErrorCode.NAME_UNKNOWN,
                      "no upstream is configured for ns=" + Texts.shown(namespace.get()),
                      "add it under upstreams in the configuration, with registry: and its host"));
      return below(
          registry, inbound.below(host, name), namespace, "the parameter ns is " + namespace.get());
    }
    Optional<Location> mirrored = mirrored(name, inbound.entries(name));
    if (mirrored.isPresent()) {
      return mirrored.get();
    }
    Location found = unmirrored(name);
    return streams.apply(name).map(stream -> stream(name, stream, found)).orElse(found);
  }

  /**
   * Resolves a name that is not at or below a mirror of a mirror set. Mirrors that are this whole
   * server come after the registries and before the default upstream.
   */
  private Location unmirrored(RepositoryName name) {
    Optional<String> namespace = Optional.empty();
    Optional<Registry> registry = named(name.first());
    if (registry.isPresent() && name.first().length() < name.path().length()) {
      String rest = name.path().substring(name.first().length() + 1);
      return below(
          registry.get(),
          new RepositoryName(rest),
          namespace,
          "the name begins with " + name.first());
    }
    return mirrored(name, inbound.wholeServer()).orElseGet(() -> byDefault(name));
  }

  /**
   * Resolves an image stream. Its images are requested from their origins, by digest. Hosts that
   * are not configured are never contacted, even if the stream names them. Other tags are requested
   * from the sources that the name has without the stream.
   */
  private Location stream(RepositoryName name, StreamContent content, Location without) {
    var pull = new Pull();
    for (StreamContent.Origin origin : content.origins()) {
      String host = canonicalHost(origin.host());
      if (known(host).isPresent()) {
        pull.addAll(pull(host, at(host, origin.repository()), origin.isInsecure()));
      }
    }
    pull.sources.replaceAll((source, pullFrom) -> PullFrom.DIGEST_ONLY);
    without.sources().forEach(source -> pull.add(source, source.pullFrom()));
    return pull.location(name, Optional.empty(), "it is an image stream; " + without.rule())
        .withTags(content.tags());
  }

  /**
   * Returns the sources of a repository of another registry that is imported into this store.
   *
   * @param into the repository that stores the content; the pull secrets of its namespace are
   *     presented first
   * @param isInsecure whether the registry may be reached without verified TLS
   * @return a location without sources if a rule forbids contact with all of them
   * @throws OciException with NAME_UNKNOWN, if neither an upstream nor a rule is for the host
   */
  public Location locateImport(
      RepositoryName into, String host, RepositoryName repository, boolean isInsecure) {
    String canonical = canonicalHost(host);
    if (known(canonical).isEmpty()) {
      throw new OciException(
          ErrorCode.NAME_UNKNOWN,
          "no upstream is configured for " + Texts.shown(host),
          "add it under upstreams in the configuration, with registry: and its host");
    }
    return pull(canonical, at(canonical, repository), isInsecure)
        .location(into, Optional.empty(), "it is imported from " + canonical);
  }

  private Location byDefault(RepositoryName name) {
    if (defaultRegistry.isEmpty()) {
      return new Location(
          name,
          List.of(),
          List.of(),
          Optional.empty(),
          "no upstream's name or host is its beginning: it is what was pushed here",
          Optional.empty(),
          Optional.empty());
    }
    Registry registry = defaultRegistry.get();
    Pull pull = pull(registry.host(), at(registry.host(), name));
    return pull.location(name, Optional.empty(), "the default upstream is " + registry.name());
  }

  private Location below(
      Registry registry, RepositoryName name, Optional<String> namespace, String rule) {
    RepositoryName repository = at(registry.host(), name);
    return pull(registry.host(), repository)
        .location(new RepositoryName(registry.name() + "/" + repository), namespace, rule);
  }

  /**
   * Resolves a name that is at or below mirrors of {@code entries}; empty if none gives it a
   * source.
   */
  private Optional<Location> mirrored(RepositoryName name, List<Inbound.Entry> entries) {
    var pull = new Pull();
    var rules = new ArrayList<String>();
    for (Inbound.Entry entry : entries) {
      Optional<String> source = entry.source(name);
      if (source.isPresent()) {
        String text = source.get();
        int slash = text.indexOf('/');
        String host = canonicalHost(text.substring(0, slash));
        RepositoryName repository = at(host, new RepositoryName(text.substring(slash + 1)));
        pull.add(pull(host, repository), entry.pullFrom());
        rules.add("it mirrors " + source.get() + " (" + entry.pullFrom() + ")");
      }
    }
    return rules.isEmpty()
        ? Optional.empty()
        : Optional.of(pull.location(name, Optional.empty(), String.join("; ", rules)));
  }

  /** The sources, copies and blocked locations of a pull, while they are collected. */
  private final class Pull {
    private final Map<PullSource, PullFrom> sources = new LinkedHashMap<>();
    private final Set<Location.Copy> copies = new LinkedHashSet<>();
    private final Set<String> blocked = new HashSet<>();

    void add(PullSource source, PullFrom pullFrom) {
      sources.merge(
          source.with(PullFrom.ALL), pullFrom, (one, other) -> one == other ? one : PullFrom.ALL);
    }

    /** Adds the content of another pull, including this server's copies. */
    void addAll(Pull other) {
      other.sources.forEach(this::add);
      copies.addAll(other.copies);
      blocked.addAll(other.blocked);
    }

    /**
     * Adds the content of another pull, limited to {@code only} and without this server's copies.
     */
    void add(Pull other, PullFrom only) {
      other.sources.forEach(
          (source, pullFrom) -> pullFrom.and(only).ifPresent(both -> add(source, both)));
      blocked.addAll(other.blocked);
    }

    Location location(RepositoryName repository, Optional<String> namespace, String rule) {
      Optional<String> secrets = Optional.of(repository.first()).filter(secretive::contains);
      String never = blocked.isEmpty() ? "" : "; never contacted: " + String.join(", ", blocked);
      return new Location(
          repository,
          copies.stream().filter(copy -> !copy.repository().equals(repository)).toList(),
          sources.entrySet().stream()
              .map(entry -> entry.getKey().with(entry.getValue()).withSecrets(secrets))
              .toList(),
          namespace,
          rule + never,
          Optional.empty(),
          Optional.empty());
    }
  }

  /** Returns the sources that the rules give for a repository of a registry. */
  private Pull pull(String host, RepositoryName repository) {
    return pull(host, repository, false);
  }

  /**
   * @param isUnverified whether all sources may be reached without verified TLS
   */
  private Pull pull(String host, RepositoryName repository, boolean isUnverified) {
    var pull = new Pull();
    for (Resolution.Source source : outbound.sources(host + "/" + repository)) {
      String written = Scopes.host(source.reference());
      String at = canonicalHost(written);
      RepositoryName there;
      try {
        String path = source.reference().substring(written.length()).replaceFirst("^/", "");
        there = at(at, new RepositoryName(path));
      } catch (OciException e) {
        continue; // The rule makes an invalid name: a mirror of one repository without a path.
      }
      PullFrom pullFrom = source.pullFrom().orElse(PullFrom.ALL);
      if (own.contains(at)) {
        pull.copies.add(new Location.Copy(there, pullFrom));
      } else if (source.isBlocked()) {
        pull.blocked.add(at + "/" + there);
      } else {
        endpoints(at, there, pullFrom, source.isInsecure(), isUnverified)
            .forEach(one -> pull.add(one, one.pullFrom()));
      }
    }
    return pull;
  }

  /**
   * @param isInsecure the setting of a rule, which the settings of a configured upstream overrule
   * @param isUnverified whether an import overrules both and permits access without verified TLS
   */
  private List<PullSource> endpoints(
      String host,
      RepositoryName repository,
      PullFrom pullFrom,
      boolean isInsecure,
      boolean isUnverified) {
    @Nullable Registry registry = byHost.get(host);
    boolean isByRule = registry == null && isInsecure;
    boolean isPlainToo = isByRule || isUnverified;
    int endpoints = registry == null ? 1 : registry.endpoints();
    int plain = registry == null ? 1 : registry.secureEndpoints(); // plain HTTP comes after HTTPS
    Optional<PullFrom> allowed =
        registry != null && registry.isDigestOnly()
            ? pullFrom.and(PullFrom.DIGEST_ONLY)
            : Optional.of(pullFrom);
    var sources = new ArrayList<PullSource>();
    int all = isPlainToo ? endpoints + plain : endpoints;
    for (int endpoint = 0; allowed.isPresent() && endpoint < all; endpoint++) {
      sources.add(
          new PullSource(
              registry == null ? host : registry.name(),
              endpoint,
              repository,
              allowed.get(),
              isByRule,
              isUnverified && !isByRule,
              Optional.empty()));
    }
    return sources;
  }

  /** Returns the registry with a name or host, if there is an upstream or a rule for it. */
  private Optional<Registry> named(String first) {
    @Nullable Registry named = byName.get(first);
    return named == null ? known(canonicalHost(first)) : Optional.of(named);
  }

  private Optional<Registry> known(String host) {
    @Nullable Registry registry = byHost.get(host);
    if (registry != null) {
      return Optional.of(registry);
    }
    return HOST.matcher(host).matches() && outbound.names(host)
        ? Optional.of(new Registry(host, host.replace(':', '_'), 1, 1, false))
        : Optional.empty();
  }

  /**
   * Returns the full repository name: at Docker Hub, a name of one component is short for
   * library/NAME.
   */
  private static RepositoryName at(String host, RepositoryName name) {
    boolean isShort = host.equals(HUB) && name.path().indexOf('/') < 0;
    return isShort ? new RepositoryName("library/" + name) : name;
  }
}
