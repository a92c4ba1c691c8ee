package dev.cistern.server.config;

import dev.cistern.auth.credentials.CredentialsException;
import dev.cistern.auth.credentials.Keyring;
import dev.cistern.auth.credentials.PullSecret;
import dev.cistern.mirror.rules.MirrorSet;
import dev.cistern.mirror.rules.RegistriesConf;
import java.util.ArrayList;
import java.util.List;

/**
 * What the files of rules and secrets say together.
 *
 * @param outbound where to pull from: the mirror sets, merged, over registries.conf
 * @param mirrorSets the mirror sets as they are
 * @param pullSecret the global pull secret
 */
public record Rules(RegistriesConf outbound, List<MirrorSet> mirrorSets, Keyring pullSecret) {
  private static final String NAMESPACE = "openshift-config";
  private static final String NAME = "pull-secret";

  public Rules {
    mirrorSets = List.copyOf(mirrorSets);
  }

  /**
   * Puts together what was read.
   *
   * @param file the registries.conf
   * @param secrets of files; they come before the object {@code openshift-config/pull-secret}
   */
  static Rules of(RegistriesConf file, Resources resources, List<Keyring> secrets) {
    var keyrings = new ArrayList<>(secrets);
    for (Resources.Secret secret : resources.secrets()) {
      if (secret.namespace().equals(NAMESPACE) && secret.name().equals(NAME)) {
        keyrings.add(keyring(secret));
      }
    }
    RegistriesConf merged = RegistriesConf.merge(resources.mirrorSets(), List.of(), List.of());
    return new Rules(file.with(merged), resources.mirrorSets(), Keyring.first(keyrings));
  }

  /**
   * Returns the entries of a secret.
   *
   * @throws ConfigException if it is no pull secret
   */
  public static Keyring keyring(Resources.Secret secret) {
    try {
      return PullSecret.of(secret.type(), secret.data(), secret.toString());
    } catch (CredentialsException e) {
      throw new ConfigException(String.valueOf(e.getMessage()));
    }
  }
}
