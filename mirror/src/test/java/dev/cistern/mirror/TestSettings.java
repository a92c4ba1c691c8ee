package dev.cistern.mirror;

import dev.cistern.auth.credentials.Keyring;
import dev.cistern.mirror.upstream.ConnectionSettings;
import dev.cistern.mirror.upstream.Freshness;
import dev.cistern.mirror.upstream.Limits;
import dev.cistern.mirror.upstream.ProxyRules;
import dev.cistern.mirror.upstream.UpstreamSettings;
import java.net.URI;
import java.util.Collections;
import java.util.Optional;
import java.util.Set;

/** Settings of upstreams that are not asked over the network. */
final class TestSettings {
  private static final URI NOWHERE = URI.create("http://127.0.0.1:1");

  private TestSettings() {}

  /** Returns those of an upstream with so many endpoints besides its first. */
  static UpstreamSettings of(String name, int alternatives) {
    return of(name, alternatives, Limits.DEFAULT);
  }

  /** Returns the same with limits. */
  static UpstreamSettings of(String name, int alternatives, Limits limits) {
    return new UpstreamSettings(
        name,
        name + ".example",
        NOWHERE,
        Keyring.EMPTY,
        Optional.empty(),
        true,
        Set.of(),
        Set.of(),
        Freshness.USUAL,
        Collections.nCopies(alternatives, NOWHERE),
        false,
        Optional.empty(),
        new ConnectionSettings(limits, ProxyRules.DIRECT, Optional.empty()));
  }
}
