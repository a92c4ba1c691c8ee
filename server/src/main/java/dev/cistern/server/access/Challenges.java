package dev.cistern.server.access;

import dev.cistern.oci.RepositoryName;
import dev.cistern.server.config.AccessSettings;
import dev.cistern.server.http.Request;
import java.util.regex.Pattern;

/**
 * The values of WWW-Authenticate (RFC 6750 section 3): where a token is to be had, and for what.
 *
 * <p>Clients find the token endpoint where they found the server: at the host they name, by https
 * if they came by it, here or to a proxy that says so (X-Forwarded-Proto).
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

  /** Returns where tokens are to be had. */
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

  /** Returns the challenge for who is to bring a token for {@code scope}. */
  String of(Request request, String scope) {
    return "Bearer realm=\""
        + realm(request)
        + "\",service=\""
        + settings.service()
        + "\""
        + (scope.isEmpty() ? "" : ",scope=\"" + scope + "\"");
  }

  /**
   * Returns the challenge for who is to bring a token for an action, or another than he brought.
   */
  String of(Request request, RepositoryName repository, String action, boolean isInsufficient) {
    String actions = action.equals("push") ? "pull,push" : action;
    return of(request, Actions.REPOSITORY + ":" + repository + ":" + actions)
        + (isInsufficient ? ",error=\"insufficient_scope\"" : "");
  }

  /** Returns the challenge for who brought what is nobody's. */
  String invalid(Request request) {
    return of(request, "") + ",error=\"invalid_token\"";
  }
}
