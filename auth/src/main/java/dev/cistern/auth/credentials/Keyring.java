package dev.cistern.auth.credentials;

import java.util.Optional;

/** Finds the credentials for an upstream. */
public interface Keyring {
  /** A keyring without entries: anonymous everywhere. */
  Keyring EMPTY = (host, repository) -> Optional.empty();

  /**
   * Returns the entry that serves a repository.
   *
   * @param host {@code host[:port]} of the registry or token service
   * @param repository the path in it; "" asks for the host's own entry
   */
  Optional<Credentials> find(String host, String repository);
}
