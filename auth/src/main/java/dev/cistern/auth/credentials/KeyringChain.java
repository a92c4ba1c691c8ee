package dev.cistern.auth.credentials;

import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/** Several keyrings, asked in order. */
record KeyringChain(List<Keyring> keyrings) implements Keyring {
  @Override
  public Optional<Entry> entry(String host, String repository) {
    return first(keyring -> keyring.entry(host, repository));
  }

  /** Both spellings of the host are looked up in one keyring before the next keyring is asked. */
  @Override
  public Optional<Entry> entryFor(String host, String repository, boolean isHttp) {
    return first(keyring -> keyring.entryFor(host, repository, isHttp));
  }

  @Override
  public List<String> problems() {
    return keyrings.stream().flatMap(keyring -> keyring.problems().stream()).toList();
  }

  private Optional<Entry> first(Function<Keyring, Optional<Entry>> question) {
    return keyrings.stream().map(question).flatMap(Optional::stream).findFirst();
  }
}
