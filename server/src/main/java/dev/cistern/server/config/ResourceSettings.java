package dev.cistern.server.config;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The locations of the cluster's objects and of other watched files.
 *
 * @param names the names of this server in mirror sets, each {@code host[:port]}
 * @param directories the directories with files of objects, including their subdirectories
 * @param registriesConf files of registries.conf version 2, of which a later one overrides those
 *     before
 * @param pullSecret the file of the global pull secret
 * @param credentials the files of upstreams' own credentials
 * @param users the htpasswd file
 * @param issuers external issuers of tokens, with the files of their keys
 */
public record ResourceSettings(
    Set<String> names,
    List<Path> directories,
    List<Path> registriesConf,
    Optional<Path> pullSecret,
    Set<Path> credentials,
    Optional<Path> users,
    Set<AccessSettings.Issuer> issuers) {
  /** No objects. */
  static final ResourceSettings NONE = of(List.of(), List.of());

  /** Returns settings with these files only. */
  public static ResourceSettings of(List<Path> directories, List<Path> registriesConf) {
    return new ResourceSettings(
        Set.of(),
        directories,
        registriesConf,
        Optional.empty(),
        Set.of(),
        Optional.empty(),
        Set.of());
  }

  public ResourceSettings {
    names = Set.copyOf(names);
    directories = List.copyOf(directories);
    registriesConf = List.copyOf(registriesConf);
    credentials = Set.copyOf(credentials);
    issuers = Set.copyOf(issuers);
  }

  /** Returns whether a file contains credentials. */
  boolean isSecret(Path file) {
    return credentials.contains(file) || pullSecret.filter(file::equals).isPresent();
  }

  /** Returns whether the settings name a file, which must therefore exist. */
  boolean isNamed(Path file) {
    return registriesConf.contains(file)
        || directories.contains(file)
        || isSecret(file)
        || isUsers(file)
        || !issuers(file).isEmpty();
  }

  boolean isUsers(Path file) {
    return users.filter(file::equals).isPresent();
  }

  /** Returns the issuers whose keys are in a file. */
  List<AccessSettings.Issuer> issuers(Path file) {
    return issuers.stream().filter(issuer -> issuer.keys().equals(file)).toList();
  }
}
