package dev.cistern.auth.credentials;

import java.util.List;
import java.util.Optional;

/** Lookup of the credentials for an upstream. */
public interface Keyring {
  /** A keyring without entries: every request is anonymous. */
  Keyring EMPTY = (host, repository) -> Optional.empty();

  /**
   * The credentials for a reference, and their origin.
   *
   * @param file the origin: a path, or {@code secret NAMESPACE/NAME}
   * @param key the key as written there; {@code credsStore} for the helper that is asked for all
   *     hosts
   */
  record Entry(String file, String key, Credentials credentials) {}

  /**
   * Returns the entry that serves a repository; ports are compared literally.
   *
   * @param host {@code host[:port]} of the registry or token service
   * @param repository the path in the registry; "" for the entry of the host itself
   * @throws CredentialsException if the answer depends on a credential helper that fails
   */
  Optional<Entry> entry(String host, String repository);

  /**
   * Returns the entry that serves a repository of a registry that is reached over HTTP or HTTPS.
   * For a host without a port, an entry of {@code host:80} or {@code host:443} takes precedence
   * over one of {@code host}. An explicit port must match.
   *
   * @throws CredentialsException if the answer depends on a credential helper that fails
   */
  default Optional<Entry> entryFor(String host, String repository, boolean isHttp) {
    return RegistryKey.hosts(host, isHttp).stream()
        .map(name -> entry(name, repository))
        .flatMap(Optional::stream)
        .findFirst();
  }

  /** Returns the credentials of {@link #entry}. */
  default Optional<Credentials> find(String host, String repository) {
    return entry(host, repository).map(Entry::credentials);
  }

  /** Returns the problems of entries that are therefore not used: file, key, and reason. */
  default List<String> problems() {
    return List.of();
  }

  /** Returns a keyring that asks these keyrings in order, and uses the first match. */
  static Keyring first(List<Keyring> keyrings) {
    return new KeyringChain(List.copyOf(keyrings));
  }
}
