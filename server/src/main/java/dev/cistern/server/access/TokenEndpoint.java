package dev.cistern.server.access;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cistern.auth.access.AccessException;
import dev.cistern.auth.access.Grant;
import dev.cistern.auth.access.Outcome.Caller;
import dev.cistern.auth.access.Principal;
import dev.cistern.auth.access.Scope;
import dev.cistern.auth.access.Verb;
import dev.cistern.auth.access.Verified;
import dev.cistern.mirror.Mirror;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import dev.cistern.oci.RepositoryName;
import dev.cistern.server.http.Query;
import dev.cistern.server.http.Reply;
import dev.cistern.server.http.Request;
import java.io.IOException;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * {@code /token} and {@code /openshift/token}. Issues tokens for those of the requested scopes that
 * the caller may use (token authentication and OAuth2 specifications of the distribution project).
 * GET accepts Basic or no credentials, POST a form with a password or a refresh token.
 */
public final class TokenEndpoint {
  private static final Set<String> PATHS = Set.of("/token", "/openshift/token");
  private static final int MOST_BODY_BYTES = 64 << 10;

  private final Gate gate;
  private final Mirror mirror;
  private final InstantSource clock;

  public TokenEndpoint(Gate gate, Mirror mirror, InstantSource clock) {
    this.gate = gate;
    this.mirror = mirror;
    this.clock = clock;
  }

  /** Returns whether a request is for this endpoint. */
  public static boolean isFor(Request request) {
    return PATHS.contains(request.path());
  }

  /** Returns the response. May block. */
  public Reply answer(Request request) throws IOException {
    gate.identities(); // throws if this server has no tokens
    return switch (request.method()) {
      case "GET" -> byBasic(request);
      case "POST" -> byForm(request);
      default ->
          Reply.status(405).header("Allow", "GET, POST").body("text/plain", "GET and POST only\n");
    };
  }

  private Reply byBasic(Request request) {
    Caller caller = authenticated(request);
    boolean wantsLogin = request.query().first("offline_token").filter("true"::equals).isPresent();
    return token(caller, request.query(), wantsLogin);
  }

  private Reply byForm(Request request) throws IOException {
    byte[] body = request.content(MOST_BODY_BYTES, ErrorCode.SIZE_INVALID);
    Query form = Query.parse(new String(body, UTF_8));
    String grant = form.first("grant_type").orElse("");
    return switch (grant) {
      case "password" -> byPassword(request, form);
      case "refresh_token" -> byRefreshToken(request, form);
      default -> throw wrong("grant_type: password or refresh_token is expected");
    };
  }

  private Reply byPassword(Request request, Query form) {
    String user = form.first("username").orElseThrow(() -> wrong("username is missing"));
    String password = form.first("password").orElseThrow(() -> wrong("password is missing"));
    String basic = Base64.getEncoder().encodeToString((user + ":" + password).getBytes(UTF_8));
    Caller caller = gate.caller(request, "Basic " + basic);
    return token(caller, form, form.first("access_type").filter("offline"::equals).isPresent());
  }

  private Reply byRefreshToken(Request request, Query form) {
    String token = form.first("refresh_token").orElseThrow(() -> wrong("refresh_token is missing"));
    if (gate.identities().tokens().verify(token) instanceof Verified.Refresh(var user, var stamp)
        && gate.identities().users().stamp(user.name()).filter(stamp::equals).isPresent()) {
      request.by(user.name());
      return reply(new Caller(user, Optional.empty()), form, Optional.of(token));
    }
    throw new OciException(
        ErrorCode.UNAUTHORIZED, "the refresh token is not good, or not any more", "log in again");
  }

  /**
   * Returns the caller, by their own credentials. A token for some scopes cannot be exchanged for
   * another.
   */
  private Caller authenticated(Request request) {
    Caller caller = gate.caller(request);
    if (caller.limitedTo().isPresent()) {
      throw new OciException(
          ErrorCode.UNAUTHORIZED, "a token is not had for a token", "send user and password");
    }
    return caller;
  }

  private Reply token(Caller caller, Query asked, boolean wantsLogin) {
    Principal principal = caller.principal();
    Optional<String> login =
        gate.identities()
            .users()
            .stamp(principal.name())
            .filter(stamp -> wantsLogin)
            .map(stamp ->
                gate.identities().tokens().refresh(principal, stamp, gate.settings().loginLife()));
    return reply(caller, asked, login);
  }

  private Reply reply(Caller caller, Query asked, Optional<String> refreshToken) {
    String service = gate.settings().service();
    asked
        .first("service")
        .filter(wanted -> !wanted.equals(service))
        .ifPresent(wanted -> {
          throw wrong("service: the tokens here are for " + service);
        });
    List<Grant> grants = granted(caller, asked);
    String token;
    try {
      token =
          gate.identities()
              .tokens()
              .access(caller.principal(), grants, gate.settings().tokenLife());
    } catch (AccessException e) {
      throw wrong(String.valueOf(e.getMessage()));
    }
    ObjectNode json = JsonMapper.shared().createObjectNode();
    json.put("token", token).put("access_token", token);
    json.put("expires_in", gate.settings().tokenLife().toSeconds());
    json.put("issued_at", clock.instant().truncatedTo(ChronoUnit.SECONDS).toString());
    refreshToken.ifPresent(login -> json.put("refresh_token", login));
    return Reply.status(200)
        .header("Cache-Control", "no-store")
        .body("application/json", json + "\n");
  }

  /** Returns the requested scopes, reduced to what the caller may do. */
  private List<Grant> granted(Caller caller, Query asked) {
    var granted = new ArrayList<Grant>();
    try {
      for (Grant wish : Scope.parseAll(asked.all("scope"))) {
        grant(caller, wish).ifPresent(granted::add);
      }
    } catch (AccessException e) {
      throw wrong("scope: " + e.getMessage());
    }
    return granted;
  }

  private Optional<Grant> grant(Caller caller, Grant wish) {
    if (wish.type().equals(Actions.REGISTRY)) {
      return Optional.of(wish); // checked when the token is used
    }
    RepositoryName repository = repository(wish.name());
    var actions = new TreeSet<String>();
    Set<String> wanted =
        wish.actions().contains(Actions.ALL) ? Set.of("pull", "push", "delete") : wish.actions();
    for (String action : wanted) {
      for (Verb verb : Actions.verbs(action)) {
        if (gate.allows(caller, verb, repository)) {
          actions.add(action);
        }
      }
    }
    return actions.isEmpty()
        ? Optional.empty()
        : Optional.of(new Grant(wish.type(), repository.path(), actions));
  }

  /**
   * Returns the repository that a name resolves to. Tokens are for that repository, under whichever
   * name it was requested.
   */
  private RepositoryName repository(String name) {
    int slash = name.indexOf('/');
    return name.lastIndexOf(':') < 0
        ? mirror.repository(new RepositoryName(name))
        : mirror
            .locate(
                new RepositoryName(name.substring(slash + 1)),
                Optional.of(name.substring(0, slash)),
                Optional.empty())
            .repository();
  }

  private static OciException wrong(String what) {
    return new OciException(ErrorCode.UNSUPPORTED, what).withStatus(400);
  }
}
