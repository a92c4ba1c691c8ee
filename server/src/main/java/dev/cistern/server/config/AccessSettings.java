package dev.cistern.server.config;

import dev.cistern.auth.access.OidcSettings;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * The settings of authentication and authorization.
 *
 * @param isOpen whether authentication is disabled
 * @param anonymous what unauthenticated clients may do everywhere
 * @param users the htpasswd file
 * @param keys the directory of signing keys; empty for {@code keys} in the store's directory
 * @param service the name of this server in tokens, as audience and issuer
 * @param realm the URL of the token endpoint; empty to derive it from the request
 * @param tokenLife the lifetime of a token for pulls and pushes
 * @param loginLife how long a client that logged in can get new tokens
 * @param requestsPerUser maximum number of requests of one user in flight
 * @param isReadOnly whether pushes, deletes and imports are rejected for all users
 */
public record AccessSettings(
    boolean isOpen,
    Anonymous anonymous,
    Optional<Path> users,
    Optional<Path> keys,
    List<Issuer> issuers,
    String service,
    Optional<URI> realm,
    Duration tokenLife,
    Duration loginLife,
    int requestsPerUser,
    boolean isReadOnly) {
  public AccessSettings {
    issuers = List.copyOf(issuers);
  }

  /** An external issuer of tokens, and the file of its keys. */
  public record Issuer(OidcSettings settings, Path keys) {}

  /** The permissions of unauthenticated clients everywhere: no role, or one of these. */
  public enum Anonymous {
    NONE(""),
    PULL("system:image-puller"),
    PUSH("system:image-pusher"),
    ADMIN("cluster-admin");

    private final String role;

    Anonymous(String role) {
      this.role = role;
    }

    /** Returns the role that {@code system:unauthenticated} is bound to. */
    public Optional<String> role() {
      return role.isEmpty() ? Optional.empty() : Optional.of(role);
    }
  }
}
