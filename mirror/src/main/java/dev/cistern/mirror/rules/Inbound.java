package dev.cistern.mirror.rules;

import dev.cistern.oci.RepositoryName;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** The repositories of this server that mirror sets name as mirrors, and their sources. */
final class Inbound {
  private final Map<String, List<Entry>> byPath = new HashMap<>();
  private final Map<String, List<Entry>> byHost = new HashMap<>();

  /**
   * @param own the names of this server
   */
  Inbound(Collection<MirrorSet> sets, Set<String> own) {
    for (MirrorSet set : sets) {
      for (MirrorSet.Entry entry : set.entries()) {
        for (String mirror : entry.mirrors()) {
          String host = Scopes.host(mirror);
          if (own.contains(host)
              && !entry.source().startsWith("*")
              && !entry.source().equals(mirror)) {
            add(
                new Entry(
                    mirror.substring(Math.min(mirror.length(), host.length() + 1)),
                    entry.source(),
                    set.kind().pullFrom()));
          }
        }
      }
    }
  }

  /**
   * A mirror on this server.
   *
   * @param path the repository or namespace in this store, or "" for the whole server
   * @param from the mirrored source: {@code host[:port][/path]}
   * @param pullFrom the pulls that the mirror serves
   */
  record Entry(String path, String from, PullFrom pullFrom) {
    /**
     * Returns the source of {@code name} as {@code host/repository}, if the name is at or below the
     * path.
     */
    Optional<String> source(RepositoryName name) {
      String text = from + after(name.path(), path).orElse("");
      return text.indexOf('/') > 0 ? Optional.of(text) : Optional.empty();
    }

    /** Returns the part of the path that containerd's hosts.toml has before the repository. */
    String base() {
      String here = path;
      String there = from.substring(Math.min(from.length(), Scopes.host(from).length() + 1));
      while (!here.isEmpty() && last(here).equals(last(there))) {
        here = parent(here);
        there = parent(there);
      }
      return here;
    }
  }

  private void add(Entry entry) {
    byPath.computeIfAbsent(entry.path(), path -> new ArrayList<>()).add(entry);
    byHost
        .computeIfAbsent(
            MirrorRules.canonicalHost(Scopes.host(entry.from())), host -> new ArrayList<>())
        .add(entry);
  }

  /** Returns the entries with the longest path that {@code name} is at or below. */
  List<Entry> entries(RepositoryName name) {
    for (String path = name.path(); !path.isEmpty(); path = parent(path)) {
      List<Entry> entries = byPath.get(path);
      if (entries != null) {
        return entries;
      }
    }
    return List.of();
  }

  /** Returns the entries that have this whole server as a mirror. */
  List<Entry> wholeServer() {
    return byPath.getOrDefault("", List.of());
  }

  /**
   * Returns the repository at {@code host} for a name that containerd requests. If the name is
   * below a mirror of that host, the path is removed that the mirror's hosts.toml has before the
   * repository.
   */
  RepositoryName below(String host, RepositoryName name) {
    for (Entry entry : byHost.getOrDefault(host, List.of())) {
      String base = entry.base();
      Optional<String> rest = base.isEmpty() ? Optional.empty() : after(name.path(), base);
      String from = host + entry.from().substring(Scopes.host(entry.from()).length());
      if (rest.filter(text -> !text.isEmpty() && after(host + text, from).isPresent())
          .isPresent()) {
        return new RepositoryName(rest.get().substring(1));
      }
    }
    return name;
  }

  /**
   * Returns the part of {@code path} after {@code beginning}: "" or {@code /rest}. Empty if the
   * path is not at or below {@code beginning}.
   */
  private static Optional<String> after(String path, String beginning) {
    if (beginning.isEmpty()) {
      return Optional.of("/" + path);
    }
    boolean isBelow =
        path.startsWith(beginning)
            && (path.length() == beginning.length() || path.charAt(beginning.length()) == '/');
    return isBelow ? Optional.of(path.substring(beginning.length())) : Optional.empty();
  }

  private static String parent(String path) {
    int slash = path.lastIndexOf('/');
    return slash < 0 ? "" : path.substring(0, slash);
  }

  private static String last(String path) {
    return path.substring(path.lastIndexOf('/') + 1);
  }
}
