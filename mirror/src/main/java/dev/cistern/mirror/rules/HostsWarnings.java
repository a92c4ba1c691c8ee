package dev.cistern.mirror.rules;

import dev.cistern.oci.Texts;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.SequencedSet;
import java.util.TreeMap;

/** The differences between mirror sets and containerd with the generated files, with remedies. */
final class HostsWarnings {
  private final SequencedSet<String> warnings = new LinkedHashSet<>();

  private HostsWarnings() {}

  static List<String> of(List<HostsTree.Rule> rules) {
    var all = new HostsWarnings();
    for (HostsTree.Rule rule : rules) {
      if (Scopes.isWildcard(rule.entry().source())) {
        all.warnOfWildcard(rule);
      } else {
        rule.entry().mirrors().forEach(mirror -> all.checkName(rule, mirror));
        all.checkWidth(rule);
      }
    }
    all.checkPolicies(rules);
    return List.copyOf(all.warnings);
  }

  private void warnOfWildcard(HostsTree.Rule rule) {
    warnings.add(
        rule.shown()
            + ": it has no hosts.toml, because containerd knows no wildcards; name each host as a"
            + " source of its own.");
  }

  /**
   * Warns if containerd requests a name from a mirror that is not the one the rule means. The two
   * names are equal only if mirror and source have the same ending.
   */
  private void checkName(HostsTree.Rule rule, String mirror) {
    String source = rule.entry().source();
    String path = source.substring(Scopes.host(source).length());
    String asked = HostsFile.location(source, mirror) + path;
    if (!asked.equals(mirror) && !mirror.equals(source)) {
      warnings.add(
          rule.shown()
              + ": its mirror "
              + Texts.shown(mirror)
              + " is not found by containerd, which asks for "
              + Texts.shown(asked)
              + ": it appends the source's repository to the mirror's path. Namespace and last"
              + " component of mirror and source must match: name the mirror HOST[/ORG]"
              + (path.isEmpty() ? ", and not with the source's host at its end." : path + "."));
    }
  }

  private void checkWidth(HostsTree.Rule rule) {
    String source = rule.entry().source();
    if (rule.kind() == MirrorSet.Kind.TAG && source.indexOf('/') >= 0) {
      warnings.add(
          rule.shown()
              + ": containerd asks its mirrors for the tags of all repositories of "
              + source.substring(0, source.lastIndexOf('/'))
              + ", and of all of "
              + Scopes.host(source)
              + " where the names fit. Name images by digest, and use an ImageDigestMirrorSet"
              + " instead: imageDigestMirrors: [{source: "
              + source
              + ", mirrors: ["
              + String.join(", ", rule.entry().mirrors())
              + "]}].");
    }
  }

  private void checkPolicies(List<HostsTree.Rule> rules) {
    var policies = new TreeMap<String, LinkedHashSet<Boolean>>();
    for (HostsTree.Rule rule : rules) {
      if (!Scopes.isWildcard(rule.entry().source())) {
        policies
            .computeIfAbsent(Scopes.host(rule.entry().source()), host -> new LinkedHashSet<>())
            .add(rule.entry().neverContactsSource());
      }
    }
    policies.forEach((host, its) -> {
      if (its.size() > 1) {
        warnings.add(
            "The host "
                + Texts.shown(host)
                + ": one of its rules is NeverContactSource, so containerd never contacts it,"
                + " although others allow that; give all rules of one host the same"
                + " mirrorSourcePolicy.");
      }
    });
  }
}
