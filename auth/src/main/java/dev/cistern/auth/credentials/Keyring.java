package dev.cistern.auth.credentials;

import java.util.List;
import java.util.Optional;

/** Finds the credentials for an upstream. */
public interface Keyring {
  /** A keyring without entries: anonymous everywhere. */
  Keyring EMPTY = (host, repository) -> Optional.empty();

  /**
   * What serves a reference.
   *
   * @param file where it is from: a path, or {@code secret NAMESPACE/NAME}
   * @param key as it is written there; {@code credsStore} for the helper that is asked for all
   */
  record Entry(String file, String key, Credentials credentials) {}

  /**
   * Returns the entry that serves a repository; ports are literal.
   *
   * @param host {@code host[:port]} of the registry or token service
   * @param repository the path in it; "" asks for the host's own entry
   * @throws CredentialsException if a credential helper is to say and fails
   */
  Optional<Entry> entry(String host, String repository);

  /**
   * Returns the entry that serves a repository of a registry that is spoken to over http or https:
   * for a host without a port, one of {@code host:80} or {@code host:443} comes before one of
   * {@code host}. A port that is written out must match.
   *
   * @throws CredentialsException if a credential helper is to say and fails
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

  /** Returns what is wrong with entries that are therefore not used: file, key, and why. */
  default List<String> problems() {
    return List.of();
  }

  /** Returns a keyring that asks these in order, and takes what the first with a match says. */
  static Keyring first(List<Keyring> keyrings) {
    return new KeyringChain(List.copyOf(keyrings));
  }
}
