package dev.cistern.server.cli;

import dev.cistern.auth.credentials.Credentials;
import dev.cistern.auth.credentials.CredentialsException;
import dev.cistern.auth.credentials.DockerConfig;
import dev.cistern.auth.credentials.Keyring;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The saved credentials of the local user. Sources, in order: the given file, {@code
 * CISTERN_TOKEN}, the files of podman and docker.
 *
 * @param authfile the given file
 * @param environment the environment of the process
 */
record Logins(Optional<Path> authfile, Map<String, String> environment) {
  /**
   * The result of a search for credentials.
   *
   * @param problems the problems of files that cannot be used. The user did not name these files,
   *     so the search continues with the next one.
   */
  record Found(Optional<Login> login, List<String> problems) {}

  /**
   * Finds the credentials for a server.
   *
   * @param host the host with its port, if the URL has one
   * @throws CredentialsException if the given file cannot be used
   */
  Found find(String host, boolean isHttp) {
    if (authfile.isPresent()) {
      return new Found(login(authfile.get(), host, isHttp), List.of());
    }
    String token = environment.getOrDefault("CISTERN_TOKEN", "").strip();
    if (!token.isEmpty()) {
      return new Found(Optional.of(new Login("", "", "CISTERN_TOKEN").with(token)), List.of());
    }
    var problems = new ArrayList<String>();
    for (Path file : usual()) {
      try {
        Optional<Login> login = login(file, host, isHttp);
        if (login.isPresent()) {
          return new Found(login, List.of());
        }
      } catch (CredentialsException e) {
        problems.add(String.valueOf(e.getMessage()));
      }
    }
    return new Found(Optional.empty(), problems);
  }

  private static Optional<Login> login(Path file, String host, boolean isHttp) {
    Optional<Keyring.Entry> entry = DockerConfig.read(file).entryFor(host, "", isHttp);
    return entry.map(found -> {
      Credentials credentials = found.credentials();
      String source = "the entry " + found.key() + " of " + found.file();
      return credentials.identityToken().isEmpty()
          ? new Login(credentials.basic(), "", source)
          : new Login("", credentials.identityToken(), source);
    });
  }

  /** Returns the existing files, in the order in which podman and docker search them. */
  private List<Path> usual() {
    var files = new ArrayList<Path>();
    place("REGISTRY_AUTH_FILE", "").ifPresent(files::add);
    place("DOCKER_CONFIG", "config.json").ifPresent(files::add);
    place("XDG_RUNTIME_DIR", "containers/auth.json").ifPresent(files::add);
    place("HOME", ".docker/config.json").ifPresent(files::add);
    return files.stream().filter(Files::exists).toList();
  }

  private Optional<Path> place(String variable, String file) {
    return Optional.ofNullable(environment.get(variable))
        .filter(text -> !text.isEmpty())
        .map(directory -> Path.of(directory, file));
  }
}
