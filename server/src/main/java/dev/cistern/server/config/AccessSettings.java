package dev.cistern.server.config;

import dev.cistern.auth.access.OidcSettings;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * Who may use this server, and how that is found out.
 *
 * @param isOpen whether nobody is asked who he is: there is nothing to ask for
 * @param anonymous what those may do everywhere who do not say who they are
 * @param users the htpasswd file
 * @param keys the directory of signing keys; empty for {@code keys} in the store's
 * @param service how tokens name this server: audience and issuer
 * @param realm where clients find the token endpoint; empty for where they found the server
 * @param tokenLife how long a token for pulls and pushes is good
 * @param loginLife how long a client that logged in can get new ones
 * @param requestsPerUser how many requests of one user may be under way at a time
 * @param isReadOnly whether nothing may be pushed and deleted by anybody
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

  /** Another issuer of tokens, and the file of its keys. */
  public record Issuer(OidcSettings settings, Path keys) {}

  /** What those may do everywhere who do not say who they are: no role, or one of these. */
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
