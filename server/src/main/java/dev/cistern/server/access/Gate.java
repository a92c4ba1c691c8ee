package dev.cistern.server.access;

import dev.cistern.auth.access.AccessException;
import dev.cistern.auth.access.Authenticator;
import dev.cistern.auth.access.Binding;
import dev.cistern.auth.access.Grant;
import dev.cistern.auth.access.Impersonation;
import dev.cistern.auth.access.ImpersonationTarget;
import dev.cistern.auth.access.OidcIssuer;
import dev.cistern.auth.access.Outcome;
import dev.cistern.auth.access.Outcome.Caller;
import dev.cistern.auth.access.Policy;
import dev.cistern.auth.access.Principal;
import dev.cistern.auth.access.SigningKeys;
import dev.cistern.auth.access.Subject;
import dev.cistern.auth.access.Tokens;
import dev.cistern.auth.access.Users;
import dev.cistern.auth.access.Verb;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import dev.cistern.oci.RepositoryName;
import dev.cistern.server.config.AccessRules;
import dev.cistern.server.config.AccessSettings;
import dev.cistern.server.config.NamedBinding;
import dev.cistern.server.http.HeaderNames;
import dev.cistern.server.http.Request;
import java.net.InetAddress;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The authentication and authorization of all requests. Every endpoint gets its repository from a
 * check in this class. Responses from memory are checked like all others.
 *
 * <p>If authentication is disabled ({@link AccessSettings#isOpen}), all callers are anonymous.
 * Otherwise, a request that lacks credentials it needs gets a 401 with the address of the token
 * endpoint (token authentication specification of the distribution project). A request without
 * permission gets a 403.
 *
 * <p>Users, keys and bindings can be replaced while requests run. Each check uses those in effect
 * at that moment. Safe for all threads.
 */
public final class Gate {
  private static final Caller ANONYMOUS = new Caller(Principal.ANONYMOUS, Optional.empty());
  private static final Set<String> LOCAL_HOSTS = Set.of("localhost", "127.0.0.1", "[::1]");

  /**
   * The content types that a web page may send to other origins (Fetch Standard,
   * "CORS-safelisted").
   */
  private static final Set<String> SIMPLE_TYPES =
      Set.of("", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain");

  private static final Duration BUSY = Duration.ofSeconds(1);

  private final AccessSettings settings;
  private final InstantSource clock;
  private final Challenges challenges;
  private final Turns turns;
  private volatile @Nullable Identities identities;
  private AccessRules ofFiles = AccessRules.NONE;
  private AccessRules stored = AccessRules.NONE;
  private volatile Policy policy = Policy.of(List.of(), Map.of(), Map.of());

  /**
   * @param isTls whether clients reach this server by https
   */
  public Gate(AccessSettings settings, boolean isTls, InstantSource clock) {
    this.settings = settings;
    this.clock = clock;
    this.challenges = new Challenges(settings, isTls);
    this.turns = new Turns(settings.requestsPerUser());
    refresh();
  }

  /** The means of identifying callers. */
  record Identities(Users users, Tokens tokens, Authenticator authenticator) {}

  /** Replaces the users and keys by which callers are identified. */
  public void identities(Users users, SigningKeys keys, List<OidcIssuer> issuers) {
    var tokens = new Tokens(keys, settings.service(), settings.service(), clock);
    identities = new Identities(users, tokens, new Authenticator(users, tokens, issuers, clock));
  }

  /**
   * Replaces the rules of files.
   *
   * @return the problems of rules that therefore grant nothing
   */
  public synchronized List<String> rules(AccessRules rules) {
    ofFiles = rules;
    return refresh();
  }

  /** Replaces the stored rules, which are in effect in addition to those of files. */
  synchronized void stored(AccessRules rules) {
    stored = rules;
    refresh();
  }

  /** Returns the bindings of files. */
  synchronized List<NamedBinding> bindingsOfFiles() {
    return ofFiles.bindings();
  }

  private List<String> refresh() {
    AccessRules rules = stored.and(ofFiles);
    var all = new ArrayList<Binding>();
    rules.bindings().forEach(found -> all.add(found.binding()));
    List<Subject> everybody =
        List.of(Subject.group("system:unauthenticated"), Subject.group("system:authenticated"));
    settings
        .anonymous()
        .role()
        .ifPresent(role -> all.add(new Binding(Optional.empty(), role, everybody)));
    policy = Policy.of(all, rules.groups(), rules.roles());
    return policy.problems();
  }

  Identities identities() {
    Identities known = identities;
    if (known == null) {
      throw new OciException(
              ErrorCode.UNSUPPORTED,
              "this server asks nobody for credentials, and has no tokens",
              "ask without; or configure access: with users")
          .withStatus(404);
    }
    return known;
  }

  /** Returns the policy in effect. */
  public Policy policy() {
    return policy;
  }

  /**
   * Returns the caller of a request. May block.
   *
   * @throws OciException with UNAUTHORIZED if the credentials are invalid; with TOOMANYREQUESTS if
   *     their owner has too many requests in flight, or too many passwords are being checked; with
   *     DENIED if their owner may not impersonate the requested user
   */
  public Caller caller(Request request) {
    Caller caller = realCaller(request);
    return ImpersonationHeaders.arePresent(request) ? impersonated(request, caller) : caller;
  }

  private Caller impersonated(Request request, Caller caller) {
    Impersonation wanted = ImpersonationHeaders.read(request, caller.principal());
    request.as(wanted.user(), wanted.groups());
    for (ImpersonationTarget target : wanted.targets()) {
      if (!isWhole(caller) || !policy.allowsImpersonation(caller.principal(), target)) {
        throw new OciException(ErrorCode.DENIED, target.refusal(caller.principal()));
      }
    }
    return Caller.impersonated(wanted);
  }

  private Caller realCaller(Request request) {
    List<String> headers = request.headers(HeaderNames.AUTHORIZATION);
    if (settings.isOpen() || headers.isEmpty()) {
      return named(request, ANONYMOUS);
    }
    if (headers.size() > 1) {
      throw new OciException(
              ErrorCode.UNAUTHORIZED, "there are several headers Authorization", "send one")
          .withStatus(400);
    }
    return caller(request, headers.getFirst());
  }

  /**
   * Returns the owner of credentials.
   *
   * @param authorization the value of the header Authorization
   */
  Caller caller(Request request, String authorization) {
    return switch (identities().authenticator().authenticate(authorization)) {
      case Caller caller -> {
        takeTurn(request, caller.principal());
        yield named(request, caller);
      }
      case Outcome.Refused(String reason) ->
          throw new OciException(
                  ErrorCode.UNAUTHORIZED, reason, "log in again: docker login, podman login")
              .withChallenge(challenges.invalid(request));
      case Outcome.Busy busy ->
          throw new OciException(
                  ErrorCode.TOOMANYREQUESTS, "too many passwords are being checked", "try again")
              .withRetryAfter(BUSY);
    };
  }

  /**
   * Counts the request of a user until it ends. Anonymous requests are counted by address instead.
   */
  private void takeTurn(Request request, Principal principal) {
    if (principal.isAnonymous() || request.hasEnding()) {
      return;
    }
    if (!turns.take(principal.name())) {
      throw new OciException(
              ErrorCode.TOOMANYREQUESTS,
              principal + " has as many requests under way as it may",
              "wait for some of them")
          .withRetryAfter(BUSY);
    }
    request.atEnd(() -> turns.give(principal.name()));
  }

  /** Returns the caller of a request if it is known without blocking, or null. */
  public @Nullable Caller known(Request request) {
    if (settings.isOpen() || !request.hasHeader(HeaderNames.AUTHORIZATION)) {
      return named(request, ANONYMOUS);
    }
    Identities current = identities;
    List<String> headers = request.headers(HeaderNames.AUTHORIZATION);
    if (current == null || headers.size() != 1) {
      return null;
    }
    return current.authenticator().known(headers.getFirst()) instanceof Caller caller
        ? named(request, caller)
        : null;
  }

  private static Caller named(Request request, Caller caller) {
    request.by(caller.principal().name());
    if (!caller.principal().isAnonymous()) {
      request.heldBy(caller.principal().name());
    }
    return caller;
  }

  /**
   * Returns whether a caller may still act as their principal, which is always so except for
   * impersonation.
   */
  private boolean mayAct(Caller caller) {
    return caller
        .impersonation()
        .map(acting ->
            acting.targets().stream()
                .allMatch(target -> policy.allowsImpersonation(acting.by(), target)))
        .orElse(true);
  }

  /** Returns whether a caller may use the verb {@code impersonate} on a resource. */
  public boolean allowsImpersonation(Caller caller, ImpersonationTarget target) {
    return isWhole(caller) && policy.allowsImpersonation(caller.principal(), target);
  }

  /** Returns whether a caller may use a verb in a repository. Does not block. */
  public boolean allows(Caller caller, Verb verb, RepositoryName repository) {
    return !(settings.isReadOnly() && isChange(verb))
        && covers(caller, verb, repository)
        && policy.allows(caller.principal(), verb, repository.first());
  }

  /**
   * Returns whether the catalog lists a repository for a caller. The caller must have permission to
   * pull it. A token for some repositories lists those. A token for {@code registry:catalog:*}
   * lists all that its owner may pull.
   */
  public boolean shows(Caller caller, String repository) {
    int slash = repository.indexOf('/');
    String namespace = slash < 0 ? repository : repository.substring(0, slash);
    boolean isCovered =
        isWhole(caller)
            || caller.limitedTo().orElseThrow().stream()
                .anyMatch(grant ->
                    Actions.isForCatalog(grant)
                        || covers(grant, Actions.of(Verb.PULL), repository));
    return isCovered && policy.allows(caller.principal(), Verb.PULL, namespace);
  }

  /**
   * Returns whether a caller may use a verb everywhere, by their own credentials or by a token for
   * {@code registry:admin:*}.
   */
  public boolean allowsEverywhere(Caller caller, Verb verb) {
    return !(settings.isReadOnly() && isChange(verb))
        && isWhole(caller)
        && policy.allowsEverywhere(caller.principal(), verb);
  }

  /**
   * Authorizes a request.
   *
   * @throws OciException with UNAUTHORIZED if other credentials or a token with more scopes would
   *     help; with DENIED if only an administrator can help; with UNSUPPORTED if the server is
   *     read-only
   */
  public void require(Request request, Caller caller, Verb verb, RepositoryName repository) {
    if (allows(caller, verb, repository)) {
      return;
    }
    if (settings.isReadOnly() && isChange(verb)) {
      throw new OciException(
          ErrorCode.UNSUPPORTED, "this server is read-only", "push to the registry it mirrors");
    }
    String action = Actions.of(verb);
    boolean isAnonymous = caller.principal().isAnonymous();
    if (!policy.allows(caller.principal(), verb, repository.first())
        && (!isAnonymous || settings.isOpen())) {
      throw new OciException(
          ErrorCode.DENIED,
          caller.principal() + " may not " + action + " in namespace " + repository.first(),
          settings.isOpen()
              ? "configure access: with users and a role binding, or set --anonymous"
              : "somebody who administers it can grant that: policy add-role-to-user "
                  + Actions.role(verb)
                  + " "
                  + caller.principal()
                  + " --namespace="
                  + repository.first());
    }
    throw new OciException(
            ErrorCode.UNAUTHORIZED,
            isAnonymous
                ? "to " + action + " in " + repository + " one has to log in"
                : "the token is not for this: " + action + " in " + repository,
            "docker login, podman login; or a token of " + challenges.realm(request))
        .withChallenge(challenges.of(request, repository, action, caller.limitedTo().isPresent()));
  }

  /**
   * Requires credentials: a password or a token, which may be a token of an anonymous client. Has
   * no effect if authentication is disabled.
   *
   * @throws OciException with UNAUTHORIZED
   */
  public void requireCredentials(Request request, String scope) {
    if (!settings.isOpen() && !request.hasHeader(HeaderNames.AUTHORIZATION)) {
      throw new OciException(
              ErrorCode.UNAUTHORIZED,
              "a token is needed, for anonymous pulls too",
              "docker login, podman login; or a token of " + challenges.realm(request))
          .withChallenge(challenges.of(request, scope));
    }
  }

  /**
   * Requires a caller who may use a verb everywhere, by their own credentials or by a token for
   * {@code registry:admin:*}.
   *
   * @throws OciException with UNAUTHORIZED or DENIED
   */
  public void requireEverywhere(Request request, Verb verb) {
    Caller caller = caller(request);
    if (allowsEverywhere(caller, verb)) {
      return;
    }
    requireLogin(caller);
    throw new OciException(
        ErrorCode.DENIED,
        caller.principal() + " may not " + Actions.of(verb) + " everywhere",
        "a ClusterRoleBinding to " + Actions.role(verb) + " grants that");
  }

  /**
   * Returns whether a caller may use a verb on the objects of a namespace, or of all, by the API.
   * They need their own credentials or a token for {@code registry:admin:*}. If authentication is
   * disabled, every request that {@link #requireNoPage} accepted may do so.
   */
  public boolean allowsApi(Caller caller, Verb verb, Optional<String> namespace) {
    if (settings.isReadOnly() && isChange(verb)) {
      return false;
    }
    return settings.isOpen()
        || (isWhole(caller)
            && mayAct(caller)
            && namespace
                .map(name -> policy.allows(caller.principal(), verb, name))
                .orElseGet(() -> policy.allowsEverywhere(caller.principal(), verb)));
  }

  /**
   * Refuses requests that a web page caused while an administrator looks at it. A page can make its
   * browser send requests, but not under this server's name (DNS rebinding), and not as JSON. If
   * authentication is disabled, accepts requests from this machine only.
   *
   * @throws OciException with DENIED
   */
  public void requireNoPage(Request request) {
    String host = request.header("Host").orElse("").replaceFirst(":\\d+$", "");
    boolean isPlain =
        request.method().equals("POST")
            && SIMPLE_TYPES.contains(
                request
                    .header("Content-Type")
                    .orElse("")
                    .replaceFirst("\\s*;.*", "")
                    .strip()
                    .toLowerCase(Locale.ROOT));
    boolean isLocal = isLoopback(request.client()) && LOCAL_HOSTS.contains(host);
    if (isPlain || (isOpen() && !isLocal)) {
      throw new OciException(
          ErrorCode.DENIED,
          "administrators only",
          "ask from the machine that the server runs on, at localhost, 127.0.0.1 or [::1], and POST"
              + " with Content-Type: application/json");
    }
  }

  private static boolean isLoopback(String address) {
    try {
      return InetAddress.ofLiteral(address).isLoopbackAddress();
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  /**
   * Requires a caller who may administer a namespace, by their own credentials or by a token for
   * {@code registry:admin:*}.
   *
   * @throws OciException with UNAUTHORIZED or DENIED
   */
  public void requireAdministrator(Request request, String namespace) {
    Caller caller = caller(request);
    if (isWhole(caller) && policy.allows(caller.principal(), Verb.ADMINISTER, namespace)) {
      return;
    }
    requireLogin(caller);
    throw new OciException(
        ErrorCode.DENIED,
        caller.principal() + " may not administer namespace " + namespace,
        "somebody who may can grant that: policy add-role-to-user registry-admin "
            + caller.principal()
            + " --namespace="
            + namespace);
  }

  private void requireLogin(Caller caller) {
    if (caller.principal().isAnonymous() && caller.impersonation().isEmpty()) {
      throw new OciException(
              ErrorCode.UNAUTHORIZED, "one has to log in for this", "send user and password")
          .withChallenge("Basic realm=\"" + settings.service() + "\", charset=\"UTF-8\"");
    }
  }

  /**
   * Returns a token of a service account.
   *
   * @param lifetime one second or more
   * @throws OciException with UNSUPPORTED if this server has no tokens
   * @throws AccessException if the name cannot be that of a service account
   */
  public String serviceAccountToken(String namespace, String name, Duration lifetime) {
    return identities().tokens().serviceAccount(namespace, name, lifetime);
  }

  /** Returns whether authentication is disabled. */
  public boolean isOpen() {
    return settings.isOpen();
  }

  AccessSettings settings() {
    return settings;
  }

  private static boolean isChange(Verb verb) {
    return switch (verb) {
      case READ, PULL, ADMINISTER -> false;
      case CREATE, OVERWRITE, DELETE, IMPORT -> true;
    };
  }

  /** Returns whether a caller is not limited to repositories. */
  private static boolean isWhole(Caller caller) {
    return caller
        .limitedTo()
        .map(grants -> grants.stream().anyMatch(Actions::isForOrders))
        .orElse(true);
  }

  private static boolean covers(Caller caller, Verb verb, RepositoryName repository) {
    return caller.limitedTo().isEmpty()
        || caller.limitedTo().get().stream()
            .anyMatch(grant -> covers(grant, Actions.of(verb), repository.path()));
  }

  private static boolean covers(Grant grant, String action, String repository) {
    return grant.type().equals(Actions.REPOSITORY)
        && grant.name().equals(repository)
        && grant.actions().contains(action);
  }
}
