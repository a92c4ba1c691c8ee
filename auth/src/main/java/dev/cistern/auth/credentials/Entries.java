package dev.cistern.auth.credentials;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * The entries of one file, with the lookup of the entry that serves a repository.
 *
 * <p>The keys as written are compared first: for {@code h/a/b} the keys {@code h/a/b}, {@code h/a}
 * and {@code h}, in this order. Normalized keys are second: they have no scheme and API path, and
 * one name for Docker Hub. Keys with wildcards are last, in the order of the Kubernetes keyring.
 * That order is descending, so that longer keys and those with more text before the star come
 * first.
 */
final class Entries {
  private static final Comparator<Wildcard> DESCENDING =
      Comparator.comparing((Wildcard wildcard) -> wildcard.key().normalised()).reversed();

  private final Map<String, Keyring.Entry> literal = new HashMap<>();
  private final Map<String, Keyring.Entry> normalised = new HashMap<>();
  private final List<Wildcard> wildcards = new ArrayList<>();

  private record Wildcard(RegistryKey key, Keyring.Entry entry) {}

  /** Adds an entry; of two entries for the same key, the first is used. */
  void add(RegistryKey key, Keyring.Entry entry) {
    if (key.isWildcard()) {
      wildcards.add(new Wildcard(key, entry));
      wildcards.sort(DESCENDING);
      return;
    }
    if (key.isLiteral()) {
      literal.putIfAbsent(key.literal(), entry);
    }
    normalised.putIfAbsent(key.normalised(), entry);
  }

  Optional<Keyring.Entry> find(String host, String repository) {
    String name = host.toLowerCase(Locale.ROOT);
    return mostSpecific(literal, name, repository)
        .or(() -> mostSpecific(normalised, RegistryKey.canonical(name), repository))
        .or(() -> covering(name, repository));
  }

  private static Optional<Keyring.Entry> mostSpecific(
      Map<String, Keyring.Entry> entries, String host, String repository) {
    String path = repository;
    while (true) {
      Keyring.Entry found = entries.get(RegistryKey.joined(host, path));
      if (found != null || path.isEmpty()) {
        return Optional.ofNullable(found);
      }
      path = path.substring(0, Math.max(0, path.lastIndexOf('/')));
    }
  }

  private Optional<Keyring.Entry> covering(String host, String repository) {
    return wildcards.stream()
        .filter(wildcard -> wildcard.key().covers(host, repository))
        .map(Wildcard::entry)
        .findFirst();
  }
}
