package dev.cistern.server.access;

import dev.cistern.oci.RepositoryName;
import dev.cistern.server.config.AccessSettings;
import dev.cistern.server.http.Request;
import java.util.regex.Pattern;

/**
 * The values of WWW-Authenticate (RFC 6750 section 3): the token endpoint and the required scope.
 *
 * <p>By default, the token endpoint has the host that the request names. The scheme is https if
 * this server uses TLS, or if a proxy reports https (X-Forwarded-Proto).
 */
final class Challenges {
  private static final Pattern HOST =
      Pattern.compile("(?:[a-zA-Z0-9._-]{1,253}|\\[[0-9a-fA-F:.]{2,45}\\])(?::\\d{1,5})?");

  private final AccessSettings settings;
  private final boolean isTls;

  Challenges(AccessSettings settings, boolean isTls) {
    this.settings = settings;
    this.isTls = isTls;
  }

  /** Returns the URL of the token endpoint. */
  String realm(Request request) {
    return settings
        .realm()
        .map(Object::toString)
        .orElseGet(() -> scheme(request) + "://" + host(request) + "/token");
  }

  private String scheme(Request request) {
    boolean isSecure =
        isTls || request.header("X-Forwarded-Proto").filter("https"::equals).isPresent();
    return isSecure ? "https" : "http";
  }

  private static String host(Request request) {
    return request.header("Host").filter(host -> HOST.matcher(host).matches()).orElse("localhost");
  }

  /** Returns the challenge for a request that needs a token for {@code scope}. */
  String of(Request request, String scope) {
    return "Bearer realm=\""
        + realm(request)
        + "\",service=\""
        + settings.service()
        + "\""
        + (scope.isEmpty() ? "" : ",scope=\"" + scope + "\"");
  }

  /**
   * Returns the challenge for a request that needs a token for an action.
   *
   * @param isInsufficient whether the request has a token, but not for this action
   */
  String of(Request request, RepositoryName repository, String action, boolean isInsufficient) {
    String actions = action.equals("push") ? "pull,push" : action;
    return of(request, Actions.REPOSITORY + ":" + repository + ":" + actions)
        + (isInsufficient ? ",error=\"insufficient_scope\"" : "");
  }

  /** Returns the challenge for a request whose credentials are invalid. */
  String invalid(Request request) {
    return of(request, "") + ",error=\"invalid_token\"";
  }
}
