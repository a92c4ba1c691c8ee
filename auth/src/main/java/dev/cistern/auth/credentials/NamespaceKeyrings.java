package dev.cistern.auth.credentials;

import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** The pull secrets of namespaces, which can be replaced while pulls run. Thread-safe. */
public final class NamespaceKeyrings {
  private final Map<String, LiveKeyring> keyrings = new ConcurrentHashMap<>();

  /**
   * Replaces the pull secrets of all namespaces. A namespace that is not named has none from now
   * on.
   */
  public void replace(Map<String, Keyring> next) {
    next.keySet().forEach(this::of);
    keyrings.forEach(
        (namespace, keyring) -> keyring.replace(next.getOrDefault(namespace, Keyring.EMPTY)));
  }

  /**
   * Returns a keyring that asks the current pull secrets of a namespace first, and then {@code
   * others}.
   */
  public Keyring before(String namespace, Keyring others) {
    return Keyring.first(List.of(of(namespace), others));
  }

  private LiveKeyring of(String namespace) {
    return keyrings.computeIfAbsent(namespace, absent -> new LiveKeyring(Keyring.EMPTY));
  }
}
