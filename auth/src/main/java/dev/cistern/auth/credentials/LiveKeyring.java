package dev.cistern.auth.credentials;

import java.util.List;
import java.util.Optional;

/**
 * A keyring whose content can be replaced while pulls run. Later lookups use the new content;
 * credentials that were returned before do not change. Thread-safe.
 */
public final class LiveKeyring implements Keyring {
  private volatile Keyring current;

  public LiveKeyring(Keyring first) {
    this.current = first;
  }

  /** Replaces all entries atomically. */
  public void replace(Keyring next) {
    current = next;
  }

  @Override
  public Optional<Entry> entry(String host, String repository) {
    return current.entry(host, repository);
  }

  @Override
  public Optional<Entry> entryFor(String host, String repository, boolean isHttp) {
    return current.entryFor(host, repository, isHttp);
  }

  @Override
  public List<String> problems() {
    return current.problems();
  }
}
