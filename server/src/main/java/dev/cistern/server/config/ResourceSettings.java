package dev.cistern.server.config;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Where the cluster's objects are.
 *
 * @param names by which mirror sets know this server, each {@code host[:port]}
 * @param directories with the objects' files, also in directories below
 * @param registriesConf files of registries.conf version 2, a later one over those before
 * @param pullSecret the file of the global pull secret
 * @param credentials the files of upstreams' own credentials
 * @param users the htpasswd file
 * @param issuers other issuers of tokens, with the files of their keys
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

  /** Returns settings of which only the files count. */
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

  /** Says whether a file is one of credentials. */
  boolean isSecret(Path file) {
    return credentials.contains(file) || pullSecret.filter(file::equals).isPresent();
  }

  /** Says whether the settings name a file, which must then be there. */
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
