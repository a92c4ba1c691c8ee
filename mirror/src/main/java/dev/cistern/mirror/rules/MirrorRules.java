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
 * Finds what a request's name means: by {@code ?ns=HOST}, as a mirror that a rule names, by a first
 * path component that is a registry, by the default upstream. A host from outside is only ever
 * looked up among the upstreams and the rules, never dialled.
 *
 * <p>Where a registry's content is pulled from is then for the rules to say (registries.conf and
 * mirror sets): the most specific one alone. Without one it is the registry itself.
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

  /** Makes rules without mirror sets. */
  public MirrorRules(Collection<Registry> registries, Optional<String> defaultUpstream) {
    this(registries, defaultUpstream, RegistriesConf.EMPTY, List.of(), Set.of(), Set.of());
  }

  /**
   * @param defaultUpstream the name of the upstream of all names without one
   * @param outbound where to pull from
   * @param sets whose mirrors may be repositories of this server
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
   * A registry that is mirrored.
   *
   * @param host by which clients know it
   * @param name under which it is kept here
   * @param endpoints how many there are to pull from
   * @param secureEndpoints how many of them are asked over TLS
   * @param isDigestOnly whether its tags are never asked for
   */
  public record Registry(
      String host, String name, int endpoints, int secureEndpoints, boolean isDigestOnly) {}

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
   * @throws OciException with NAME_UNKNOWN, if neither an upstream nor a rule is for {@code
   *     namespace}
   */
  public Location locate(RepositoryName name, Optional<String> namespace) {
    return locate(name, namespace, any -> Optional.empty());
  }

  /**
   * Finds what {@code name} means where there are image streams.
   *
   * @param streams finds one by the name of its repository
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

  /** What a name means of which no mirror set speaks. */
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
   * A stream's images are asked for where they came from, by their digests; hosts that nobody
   * configured are not asked, whatever it says. Other tags are asked for where they would be
   * without the stream.
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
   * Finds where a repository of another registry is pulled from that is to be kept as one here.
   *
   * @param into where it is kept; the pull secrets of its namespace are presented first
   * @param isInsecure whether it may be reached without verified TLS
   * @return without sources if a rule forbids to contact any
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

  /** What a name means that entries of mirror sets have as a mirror of their source. */
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

  /** Collects where something is pulled from. */
  private final class Pull {
    private final Map<PullSource, PullFrom> sources = new LinkedHashMap<>();
    private final Set<Location.Copy> copies = new LinkedHashSet<>();
    private final Set<String> blocked = new HashSet<>();

    void add(PullSource source, PullFrom pullFrom) {
      sources.merge(
          source.with(PullFrom.ALL), pullFrom, (one, other) -> one == other ? one : PullFrom.ALL);
    }

    /** Adds what another pull has, this server's copies too. */
    void addAll(Pull other) {
      other.sources.forEach(this::add);
      copies.addAll(other.copies);
      blocked.addAll(other.blocked);
    }

    /** Adds what another pull and {@code only} have in common, without this server's copies. */
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

  /** Asks the rules where a repository of a registry is pulled from. */
  private Pull pull(String host, RepositoryName repository) {
    return pull(host, repository, false);
  }

  /**
   * @param isUnverified whether all may be reached without verified TLS
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
        continue; // the rule makes no name of it: a mirror of one repository without a path
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
   * @param isInsecure what a rule says, which a configured upstream's settings overrule
   * @param isUnverified what overrules those
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
    int plain = registry == null ? 1 : registry.secureEndpoints(); // after https, plain http
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

  /** Returns the registry with a name or host, if an upstream or a rule is for it. */
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

  /** At Docker Hub a name of one component is short for one below library/. */
  private static RepositoryName at(String host, RepositoryName name) {
    boolean isShort = host.equals(HUB) && name.path().indexOf('/') < 0;
    return isShort ? new RepositoryName("library/" + name) : name;
  }
}
