package dev.cistern.mirror.rules;

import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * An index of the entries of registries.conf that finds the longest prefix of a reference. Each
 * possible end of a prefix costs one lookup in a hash table, so the number of entries does not
 * matter.
 */
final class Prefixes {
  private final Map<String, RegistriesConf.Registry> byPrefix = new HashMap<>();
  private final Set<String> hosts = new HashSet<>();

  Prefixes(Collection<RegistriesConf.Registry> registries) {
    for (RegistriesConf.Registry registry : registries) {
      byPrefix.putIfAbsent(registry.prefix(), registry);
      hosts.add(Scopes.host(registry.prefix()));
    }
  }

  /**
   * Returns the entry with the longest prefix. Of a wildcard and another prefix of the same length,
   * the wildcard wins, because it sorts first by bytes.
   */
  RegistriesConf.@Nullable Registry longest(String reference) {
    RegistriesConf.@Nullable Registry exact = exact(reference);
    RegistriesConf.@Nullable Registry wildcard = wildcard(reference);
    if (exact == null || wildcard == null) {
      return exact == null ? wildcard : exact;
    }
    return wildcard.prefix().length() >= exact.prefix().length() ? wildcard : exact;
  }

  /** Returns whether an entry is about repositories of a registry. */
  boolean names(String host) {
    return hosts.contains(host) || wildcard(host + "/") != null;
  }

  /** Returns the part of {@code reference} after the part that {@code prefix} matches. */
  static String rest(String prefix, String reference) {
    int end = Scopes.isWildcard(prefix) ? Scopes.hostNameEnd(reference) : prefix.length();
    return reference.substring(end);
  }

  private RegistriesConf.@Nullable Registry exact(String reference) {
    for (int end = reference.length(); end > 0; end--) {
      if (end == reference.length() || Scopes.isBoundary(reference.charAt(end))) {
        RegistriesConf.@Nullable Registry found = byPrefix.get(reference.substring(0, end));
        if (found != null) {
          return found;
        }
      }
    }
    return null;
  }

  private RegistriesConf.@Nullable Registry wildcard(String reference) {
    String host = Scopes.hostName(reference);
    for (int dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
      RegistriesConf.@Nullable Registry found = byPrefix.get("*" + host.substring(dot));
      if (found != null) {
        return found;
      }
    }
    return null;
  }
}
