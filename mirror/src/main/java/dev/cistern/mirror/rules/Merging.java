package dev.cistern.mirror.rules;

import dev.cistern.mirror.rules.RegistriesConf.Mirror;
import dev.cistern.mirror.rules.RegistriesConf.Registry;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The conversion of mirror sets to entries of registries.conf. Entries with mirrors for digests
 * come first, in the order of their sources. Entries with mirrors only for tags follow, then those
 * that are only blocked or insecure.
 */
final class Merging {
  private final List<String> insecure;
  private final List<String> blocked;
  private final Map<String, Draft> drafts = new LinkedHashMap<>();

  /** An entry under construction. */
  private static final class Draft {
    private final List<Mirror> mirrors = new ArrayList<>();
    private boolean hasNoSource;
  }

  Merging(Collection<MirrorSet> sets, Collection<String> insecure, Collection<String> blocked) {
    this.insecure = insecure.stream().map(scope -> Scopes.checked("insecure", scope)).toList();
    this.blocked = blocked.stream().map(scope -> Scopes.checked("blocked", scope)).toList();
    for (MirrorSet.Kind kind : MirrorSet.Kind.values()) {
      lists(sets, kind).forEach((source, lists) -> add(kind, source, lists));
    }
    sets.stream()
        .flatMap(set -> set.entries().stream())
        .filter(entry -> isReal(entry) && entry.neverContactsSource())
        .forEach(entry -> draft(entry.source()).hasNoSource = true);
  }

  /**
   * Returns whether {@code entry} has a mirror that is not its source. Other entries are ignored.
   */
  static boolean isReal(MirrorSet.Entry entry) {
    return entry.mirrors().stream().anyMatch(mirror -> !mirror.equals(entry.source()));
  }

  private static SortedMap<String, List<List<String>>> lists(
      Collection<MirrorSet> sets, MirrorSet.Kind kind) {
    var lists = new TreeMap<String, List<List<String>>>();
    sets.stream()
        .filter(set -> set.kind() == kind)
        .flatMap(set -> set.entries().stream())
        .filter(Merging::isReal)
        .forEach(entry ->
            lists
                .computeIfAbsent(entry.source(), source -> new ArrayList<>())
                .add(entry.mirrors()));
    return lists;
  }

  private void add(MirrorSet.Kind kind, String source, List<List<String>> lists) {
    for (String mirror : MirrorOrder.ofMirrors(source, lists)) {
      draft(source).mirrors.add(new Mirror(mirror, false, Optional.of(kind.pullFrom())));
    }
  }

  private Draft draft(String scope) {
    return drafts.computeIfAbsent(scope, any -> new Draft());
  }

  RegistriesConf merged() {
    var sources = new LinkedHashMap<>(drafts);
    blocked.forEach(this::draft);
    insecure.forEach(this::draft);
    drafts.forEach((scope, draft) -> inherit(scope, draft, sources));
    var registries = new ArrayList<Registry>();
    drafts.forEach((scope, draft) -> registries.add(registry(scope, draft)));
    return new RegistriesConf(List.of(), registries);
  }

  /**
   * Copies the mirrors of the enclosing entry to one that has none, and whether the source is
   * contacted. An entry hides those that it is nested in, so it has to repeat their settings.
   */
  private static void inherit(String scope, Draft draft, Map<String, Draft> sources) {
    if (!draft.mirrors.isEmpty()) {
      return;
    }
    mostSpecific(scope, sources)
        .ifPresent(source -> {
          String rest = Scopes.rest(scope, source.getKey());
          for (Mirror mirror : source.getValue().mirrors) {
            draft.mirrors.add(new Mirror(mirror.location() + rest, false, mirror.pullFrom()));
          }
          draft.hasNoSource = source.getValue().hasNoSource;
        });
  }

  /**
   * Returns the longest source that encloses {@code scope}, chosen as for a reference: see {@link
   * Prefixes#longest}.
   */
  private static Optional<Map.Entry<String, Draft>> mostSpecific(
      String scope, Map<String, Draft> sources) {
    return sources.entrySet().stream()
        .filter(source -> Scopes.isNested(scope, source.getKey()))
        .max(
            Comparator.comparing(
                Map.Entry::getKey,
                Comparator.comparingInt(String::length).thenComparing(Comparator.reverseOrder())));
  }

  private Registry registry(String scope, Draft draft) {
    List<Mirror> mirrors =
        draft.mirrors.stream()
            .map(mirror ->
                new Mirror(mirror.location(), isIn(insecure, mirror.location()), mirror.pullFrom()))
            .toList();
    return new Registry(
        scope,
        Scopes.isWildcard(scope) ? "" : scope,
        draft.hasNoSource || isIn(blocked, scope),
        isIn(insecure, scope),
        false,
        mirrors);
  }

  private static boolean isIn(List<String> scopes, String inner) {
    return scopes.stream().anyMatch(outer -> Scopes.isNested(inner, outer));
  }
}
