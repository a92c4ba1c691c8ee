package dev.cistern.mirror.rules;

import dev.cistern.mirror.rules.RegistriesConf.Mirror;
import dev.cistern.mirror.rules.RegistriesConf.Registry;
import dev.cistern.oci.Texts;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The reasons for which OpenShift drains the nodes before it applies a change of registries.conf.
 * Nodes are drained if the change could alter the result of a pull by tag, or which pulls fail.
 */
public final class Drain {
  private static final Optional<PullFrom> DIGEST_ONLY = Optional.of(PullFrom.DIGEST_ONLY);

  private final List<String> reasons = new ArrayList<>();

  private Drain() {}

  /** Returns the reasons to drain, each one a sentence; none if no node is drained. */
  public static List<String> reasons(RegistriesConf before, RegistriesConf after) {
    var drain = new Drain();
    drain.compareSearch(before.searchRegistries(), after.searchRegistries());
    Map<String, Registry> old = byPrefix(before);
    Map<String, Registry> fresh = byPrefix(after);
    old.forEach((prefix, registry) -> drain.compare(registry, fresh.get(prefix)));
    fresh.forEach((prefix, registry) -> {
      if (!old.containsKey(prefix)) {
        drain.checkNew(registry);
      }
    });
    return List.copyOf(drain.reasons);
  }

  private static Map<String, Registry> byPrefix(RegistriesConf conf) {
    var byPrefix = new LinkedHashMap<String, Registry>();
    conf.registries().forEach(registry -> byPrefix.putIfAbsent(registry.prefix(), registry));
    return byPrefix;
  }

  private void compareSearch(List<String> before, List<String> after) {
    boolean isAppended =
        after.size() >= before.size() && after.subList(0, before.size()).equals(before);
    if (!isAppended) {
      reasons.add(
          "unqualified-search-registries changed from "
              + Toml.array(before)
              + " to "
              + Toml.array(after)
              + ", and not only by hosts added at its end.");
    }
  }

  private void compare(Registry before, @Nullable Registry after) {
    String entry = "The registry " + Texts.shown(before.prefix());
    if (after == null) {
      reasons.add(entry + " was removed.");
      return;
    }
    compareValue(entry, "location", before.location(), after.location());
    compareValue(entry, "blocked", before.isBlocked(), after.isBlocked());
    compareValue(entry, "insecure", before.isInsecure(), after.isInsecure());
    var mirrors = new LinkedHashSet<String>();
    before.mirrors().forEach(mirror -> mirrors.add(mirror.location()));
    after.mirrors().forEach(mirror -> mirrors.add(mirror.location()));
    for (String mirror : mirrors) {
      compareMirror(
          entry + ": its mirror " + Texts.shown(mirror),
          pulls(before, mirror),
          pulls(after, mirror),
          after.mirrorsByDigestOnly());
    }
  }

  private void compareValue(String entry, String key, Object before, Object after) {
    if (!before.equals(after)) {
      reasons.add(entry + ": its " + key + " changed from " + before + " to " + after + ".");
    }
  }

  /**
   * Returns the pulls that a mirror serves. A mirror may be listed twice, for digests and for tags.
   */
  private static Set<Optional<PullFrom>> pulls(Registry registry, String mirror) {
    return registry.mirrors().stream()
        .filter(one -> one.location().equals(mirror))
        .map(Mirror::pullFrom)
        .collect(Collectors.toCollection(LinkedHashSet::new));
  }

  private void compareMirror(
      String mirror,
      Set<Optional<PullFrom>> before,
      Set<Optional<PullFrom>> after,
      boolean isByDigestOnly) {
    boolean isUnsafe =
        after.stream().anyMatch(pulls -> !before.contains(pulls) && !pulls.equals(DIGEST_ONLY));
    if (before.isEmpty()) {
      if (isUnsafe && !isByDigestOnly) {
        reasons.add(mirror + " was added, with " + shown(after) + " and not digest-only.");
      }
    } else if (isUnsafe) {
      reasons.add(mirror + " changed from " + shown(before) + " to " + shown(after) + ".");
    } else if (after.isEmpty()) {
      reasons.add(mirror + " was removed.");
    } else if (after.size() < before.size()) {
      reasons.add(mirror + " was removed where it is not " + shown(after) + ".");
    }
  }

  private void checkNew(Registry registry) {
    String entry = "The registry " + Texts.shown(registry.prefix());
    if (registry.mirrors().isEmpty() && !registry.mirrorsByDigestOnly()) {
      reasons.add(entry + " was added, without mirrors that are digest-only.");
    }
    for (Mirror mirror : registry.mirrors()) {
      if (!mirror.pullFrom().equals(DIGEST_ONLY)) {
        reasons.add(
            entry
                + " was added, and its mirror "
                + Texts.shown(mirror.location())
                + " is not digest-only.");
      }
    }
  }

  private static String shown(Set<Optional<PullFrom>> pulls) {
    return pulls.stream()
        .map(one -> one.map(PullFrom::toString).orElse("no pull-from-mirror"))
        .collect(Collectors.joining(" and "));
  }
}
