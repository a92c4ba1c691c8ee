package dev.cistern.server.config;

import dev.cistern.auth.credentials.CredentialsException;
import dev.cistern.auth.credentials.Keyring;
import dev.cistern.auth.credentials.PullSecret;
import dev.cistern.mirror.rules.MirrorSet;
import dev.cistern.mirror.rules.RegistriesConf;
import dev.cistern.server.objects.FileObject;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The combined content of the files of rules and secrets.
 *
 * @param outbound the rules for pulls: the merged mirror sets, over registries.conf
 * @param mirrorSets the mirror sets, unmerged
 * @param pullSecret the global pull secret
 * @param access the access rules of files
 * @param namespaces the pull secrets of each namespace, in the order of their names
 * @param objects the objects of files
 */
public record Rules(
    RegistriesConf outbound,
    List<MirrorSet> mirrorSets,
    Keyring pullSecret,
    AccessRules access,
    Map<String, Keyring> namespaces,
    List<FileObject> objects) {
  private static final String NAMESPACE = "openshift-config";
  private static final String NAME = "pull-secret";

  public Rules {
    mirrorSets = List.copyOf(mirrorSets);
    namespaces = Map.copyOf(namespaces);
    objects = List.copyOf(objects);
  }

  /**
   * Combines the contents.
   *
   * @param file the registries.conf
   * @param ofFiles the objects of files; they come before stored ones
   * @param files pull secrets of files; they come before the object {@code
   *     openshift-config/pull-secret}
   */
  static Rules of(RegistriesConf file, Resources ofFiles, Resources stored, List<Keyring> files) {
    Resources resources = ofFiles.and(stored);
    var keyrings = new ArrayList<>(files);
    var own = new TreeMap<String, List<Resources.Secret>>();
    for (Resources.Secret secret : resources.secrets()) {
      if (isGlobal(secret)) {
        keyrings.add(keyring(secret));
      } else if (PullSecret.isPullSecret(secret.type()) && !secret.namespace().isEmpty()) {
        own.computeIfAbsent(secret.namespace(), absent -> new ArrayList<>()).add(secret);
      }
    }
    var namespaces = new HashMap<String, Keyring>();
    own.forEach((namespace, secrets) -> namespaces.put(namespace, keyring(secrets)));
    RegistriesConf merged = RegistriesConf.merge(resources.mirrorSets(), List.of(), List.of());
    return new Rules(
        file.with(merged),
        resources.mirrorSets(),
        Keyring.first(keyrings),
        ofFiles.access(),
        namespaces,
        ofFiles.objects());
  }

  private static Keyring keyring(List<Resources.Secret> secrets) {
    return Keyring.first(
        secrets.stream()
            .sorted(Comparator.comparing(Resources.Secret::name))
            .map(Rules::keyring)
            .toList());
  }

  /**
   * Returns whether a secret is a pull secret: by its type, or as the global one, which must be of
   * such a type.
   */
  public static boolean isPullSecret(Resources.Secret secret) {
    return isGlobal(secret) || PullSecret.isPullSecret(secret.type());
  }

  private static boolean isGlobal(Resources.Secret secret) {
    return secret.namespace().equals(NAMESPACE) && secret.name().equals(NAME);
  }

  /**
   * Returns the entries of a secret.
   *
   * @throws ConfigException if it is not a pull secret
   */
  public static Keyring keyring(Resources.Secret secret) {
    try {
      return PullSecret.of(secret.type(), secret.data(), secret.toString());
    } catch (CredentialsException e) {
      throw new ConfigException(String.valueOf(e.getMessage()));
    }
  }
}
