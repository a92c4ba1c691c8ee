package dev.cistern.mirror.rules;

import dev.cistern.oci.Texts;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * The files of containerd's {@code config_path} (its documentation, hosts.md) that express mirror
 * sets as far as containerd can. containerd mirrors whole hosts and has no rules for repositories.
 *
 * @param files the texts by path, {@code HOST[:port]/hosts.toml}
 * @param warnings sentences about differences between the sets and nodes with these files
 */
public record HostsTree(SortedMap<String, String> files, List<String> warnings) {
  public HostsTree {
    files = Collections.unmodifiableSortedMap(new TreeMap<>(files));
    warnings = List.copyOf(warnings);
  }

  /** An entry with the kind of its set. */
  record Rule(MirrorSet.Kind kind, MirrorSet.Entry entry) {
    String shown() {
      return (kind == MirrorSet.Kind.DIGEST ? "ImageDigestMirrorSet" : "ImageTagMirrorSet")
          + ", source "
          + Texts.shown(entry.source());
    }
  }

  /**
   * Generates the files. The order of the sets never matters.
   *
   * @param authorization a function from a mirror's {@code host[:port]} to the value of the
   *     Authorization header for that mirror
   */
  public static HostsTree of(
      Collection<MirrorSet> sets, Function<String, Optional<String>> authorization) {
    List<Rule> rules =
        sets.stream()
            .flatMap(set -> set.entries().stream().map(entry -> new Rule(set.kind(), entry)))
            .filter(rule -> Merging.isReal(rule.entry()))
            .sorted(
                Comparator.comparing((Rule rule) -> rule.entry().source())
                    .thenComparing(Rule::kind)
                    .thenComparing(rule -> String.join(" ", rule.entry().mirrors())))
            .toList();
    SortedMap<String, List<Rule>> byHost =
        rules.stream()
            .filter(rule -> !Scopes.isWildcard(rule.entry().source()))
            .collect(
                Collectors.groupingBy(
                    rule -> Scopes.host(rule.entry().source()), TreeMap::new, Collectors.toList()));
    var files = new TreeMap<String, String>();
    byHost.forEach((host, its) ->
        files.put(host + "/hosts.toml", new HostsFile(host, its, authorization).text()));
    return new HostsTree(files, HostsWarnings.of(rules));
  }
}
