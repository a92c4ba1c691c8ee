package dev.cistern.mirror.upstream;

import java.util.Optional;

/**
 * Settings for connections to an upstream, and to the token services and redirect targets that it
 * names.
 *
 * @param certificate the client certificate, presented only to the registry's own endpoint, on
 *     request
 */
public record ConnectionSettings(
    Limits limits, ProxyRules proxies, Optional<ClientCertificate> certificate) {
  public static final ConnectionSettings DEFAULT =
      new ConnectionSettings(Limits.DEFAULT, ProxyRules.DIRECT, Optional.empty());

  /** Returns these settings with other rules for proxies. */
  public ConnectionSettings through(ProxyRules others) {
    return new ConnectionSettings(limits, others, certificate);
  }
}
