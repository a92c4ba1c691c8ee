package dev.cistern.mirror.rules;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The content of registries.conf, version 2 of its format (containers-registries.conf(5)): the
 * mirrors of registries and repositories, and which of them are blocked or insecure.
 */
public final class RegistriesConf {
  /** A configuration without entries. */
  public static final RegistriesConf EMPTY = new RegistriesConf(List.of(), List.of());

  private final List<String> searchRegistries;
  private final List<Registry> registries;
  private final Prefixes prefixes;

  /**
   * @param searchRegistries the hosts that are tried for a name without one, in order
   * @param registries the entries; of several with the same prefix, the first counts
   */
  public RegistriesConf(List<String> searchRegistries, List<Registry> registries) {
    this.searchRegistries = List.copyOf(searchRegistries);
    this.registries = List.copyOf(registries);
    this.prefixes = new Prefixes(registries);
  }

  /**
   * An entry.
   *
   * @param prefix the prefix of the references that the entry is about: {@code host[:port][/path]}
   *     or {@code *.host}
   * @param location the replacement of the prefix; empty if a wildcard's references are not
   *     rewritten
   * @param mirrorsByDigestOnly whether no mirror serves tags
   */
  public record Registry(
      String prefix,
      String location,
      boolean isBlocked,
      boolean isInsecure,
      boolean mirrorsByDigestOnly,
      List<Mirror> mirrors) {
    public Registry {
      prefix = Scopes.withoutTrailingSlashes(prefix);
      location = Scopes.withoutTrailingSlashes(location);
      mirrors = List.copyOf(mirrors);
    }
  }

  /**
   * A mirror of an entry.
   *
   * @param location the replacement of the entry's prefix at the mirror
   * @param pullFrom the pulls that the mirror serves; empty for all
   */
  public record Mirror(String location, boolean isInsecure, Optional<PullFrom> pullFrom) {
    public Mirror {
      location = Scopes.withoutTrailingSlashes(location);
    }
  }

  /**
   * Parses a file.
   *
   * @param file the file's name, for messages
   * @throws RulesException if the text is not TOML, is of version 1, or is refused by
   *     containers/image
   */
  public static RegistriesConf parse(String toml, String file) {
    return new RegistriesFile(file).parse(toml);
  }

  /**
   * Returns the configuration that OpenShift generates from mirror sets. The order of the sets
   * never matters.
   *
   * @param insecure scopes for which TLS may be unverified or missing
   * @param blocked scopes that may not be pulled from
   * @throws RulesException if a scope is malformed
   */
  public static RegistriesConf merge(
      Collection<MirrorSet> sets, Collection<String> insecure, Collection<String> blocked) {
    return new Merging(sets, insecure, blocked).merged();
  }

  public List<String> searchRegistries() {
    return searchRegistries;
  }

  public List<Registry> registries() {
    return registries;
  }

  /**
   * Returns this configuration changed by a file of registries.conf.d. An entry of that file
   * replaces the entry with the same prefix. Its search registries, if it has any, replace these.
   */
  public RegistriesConf with(RegistriesConf dropIn) {
    var merged = new LinkedHashMap<String, Registry>();
    registries.forEach(registry -> merged.putIfAbsent(registry.prefix(), registry));
    var replacing = new LinkedHashMap<String, Registry>();
    dropIn.registries.forEach(registry -> replacing.putIfAbsent(registry.prefix(), registry));
    merged.putAll(replacing);
    return new RegistriesConf(
        dropIn.searchRegistries.isEmpty() ? searchRegistries : dropIn.searchRegistries,
        List.copyOf(merged.values()));
  }

  /**
   * Resolves an image to its sources as containers/image does. The entry is looked up by
   * repository, so entries for single tags and digests are ignored.
   *
   * @param reference the image in the form that users write; see {@link ImageName}
   * @throws RulesException if {@code reference} is malformed, or an entry rewrites it to a
   *     malformed name
   */
  public Resolution resolve(String reference) {
    ImageName image = ImageName.parse(reference);
    @Nullable Registry registry = prefixes.longest(image.repository());
    if (registry == null) {
      return new Resolution("", List.of(source(image.text(), Optional.empty(), false, false)));
    }
    var sources = new ArrayList<Resolution.Source>();
    for (Mirror mirror : registry.mirrors()) {
      if (isAsked(registry, mirror, image.isDigest())) {
        String there = rewritten(image, registry, mirror.location());
        sources.add(source(there, mirror.pullFrom(), mirror.isInsecure(), true));
      }
    }
    String itself =
        registry.location().isEmpty()
            ? image.text()
            : rewritten(image, registry, registry.location());
    sources.add(source(itself, Optional.empty(), registry.isInsecure(), false));
    return new Resolution(registry.prefix(), sources);
  }

  /**
   * Returns the repository of an image, {@code host/path}, with the parts that users may omit.
   *
   * @throws RulesException if {@code reference} is malformed
   */
  public static String repository(String reference) {
    return ImageName.parse(reference).repository();
  }

  /**
   * Returns the sources of a repository for any reference: as {@link #resolve} does, with all
   * mirrors. Entries for single tags and digests are ignored.
   *
   * @param repository {@code host[:port]/path}
   * @return at least one source; references that an entry has rewritten may be invalid names
   */
  List<Resolution.Source> sources(String repository) {
    @Nullable Registry registry = prefixes.longest(repository);
    if (registry == null) {
      return List.of(source(repository, Optional.empty(), false, false));
    }
    var sources = new ArrayList<Resolution.Source>();
    for (Mirror mirror : registry.mirrors()) {
      Optional<PullFrom> pullFrom =
          registry.mirrorsByDigestOnly() ? Optional.of(PullFrom.DIGEST_ONLY) : mirror.pullFrom();
      String there = mirror.location() + Prefixes.rest(registry.prefix(), repository);
      sources.add(source(there, pullFrom, mirror.isInsecure(), true));
    }
    String itself =
        registry.location().isEmpty()
            ? repository
            : registry.location() + Prefixes.rest(registry.prefix(), repository);
    sources.add(source(itself, Optional.empty(), registry.isInsecure(), false));
    return sources;
  }

  /** Returns whether an entry is about repositories of a registry. */
  boolean names(String host) {
    return prefixes.names(host);
  }

  private static boolean isAsked(Registry registry, Mirror mirror, boolean isDigest) {
    if (registry.mirrorsByDigestOnly()) {
      return isDigest;
    }
    return switch (mirror.pullFrom().orElse(PullFrom.ALL)) {
      case ALL -> true;
      case DIGEST_ONLY -> isDigest;
      case TAG_ONLY -> !isDigest;
    };
  }

  private static String rewritten(ImageName image, Registry registry, String location) {
    String text = location + Prefixes.rest(registry.prefix(), image.text());
    String rule = image.text() + ": the entry with the prefix " + registry.prefix();
    return ImageName.ofRewritten(text, rule).text();
  }

  private Resolution.Source source(
      String reference, Optional<PullFrom> pullFrom, boolean isInsecure, boolean isMirror) {
    @Nullable Registry there = prefixes.longest(ImageName.repository(reference));
    boolean isBlocked = there != null && there.isBlocked();
    return new Resolution.Source(reference, pullFrom, isInsecure, isBlocked, isMirror);
  }

  /**
   * Returns the text of the file; equal values give equal bytes. {@link #parse} restores an equal
   * value if no two entries have the same prefix.
   */
  public String toToml() {
    var text = new StringBuilder("# Generated by Cistern: change what it is made from instead.\n");
    if (!searchRegistries.isEmpty()) {
      text.append("unqualified-search-registries = ")
          .append(Toml.array(searchRegistries))
          .append('\n');
    }
    registries.forEach(registry -> append(text, registry));
    return text.toString();
  }

  private static void append(StringBuilder text, Registry registry) {
    text.append("\n[[registry]]\n");
    if (!registry.prefix().equals(registry.location())) {
      text.append("  prefix = ").append(Toml.quoted(registry.prefix())).append('\n');
    }
    if (!registry.location().isEmpty()) {
      text.append("  location = ").append(Toml.quoted(registry.location())).append('\n');
    }
    text.append(registry.isBlocked() ? "  blocked = true\n" : "");
    text.append(registry.isInsecure() ? "  insecure = true\n" : "");
    text.append(registry.mirrorsByDigestOnly() ? "  mirror-by-digest-only = true\n" : "");
    for (Mirror mirror : registry.mirrors()) {
      text.append("\n  [[registry.mirror]]\n    location = ")
          .append(Toml.quoted(mirror.location()))
          .append('\n')
          .append(mirror.isInsecure() ? "    insecure = true\n" : "");
      mirror
          .pullFrom()
          .ifPresent(pulls ->
              text.append("    pull-from-mirror = ")
                  .append(Toml.quoted(pulls.toString()))
                  .append('\n'));
    }
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof RegistriesConf conf
        && searchRegistries.equals(conf.searchRegistries)
        && registries.equals(conf.registries);
  }

  @Override
  public int hashCode() {
    return Objects.hash(searchRegistries, registries);
  }

  @Override
  public String toString() {
    return toToml();
  }
}
