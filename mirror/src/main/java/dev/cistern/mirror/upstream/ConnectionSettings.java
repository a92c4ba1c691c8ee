package dev.cistern.mirror.upstream;

import java.util.Optional;

/**
 * How connections for an upstream are made, also those to the token services and redirect targets
 * that it names.
 *
 * @param certificate what is shown to the registry's own endpoint if it asks, and to nobody else
 */
public record ConnectionSettings(
    Limits limits, ProxyRules proxies, Optional<ClientCertificate> certificate) {
  public static final ConnectionSettings DEFAULT =
      new ConnectionSettings(Limits.DEFAULT, ProxyRules.DIRECT, Optional.empty());

  /** Returns these with other rules for proxies. */
  public ConnectionSettings through(ProxyRules others) {
    return new ConnectionSettings(limits, others, certificate);
  }
}
