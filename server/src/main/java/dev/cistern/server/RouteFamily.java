package dev.cistern.server;

import dev.cistern.server.access.BrowserRule;
import dev.cistern.server.access.TokenEndpoint;
import dev.cistern.server.admin.Admin;
import dev.cistern.server.api.Api;
import dev.cistern.server.http.Request;

/**
 * The families of routes of this server. A family decides which part answers a request, which
 * requests of browsers are accepted, and whether impersonation is possible. A family without these
 * rules does not compile.
 */
enum RouteFamily {
  /** {@code /v2/}. */
  REGISTRY(BrowserRule.REFUSED_AND_CHANGES_BY_NAME, false),
  /** {@code /token} and {@code /openshift/token}. */
  TOKEN(BrowserRule.REFUSED, false),
  /** {@code /api}, {@code /apis}, {@code /version} and {@code /openapi/}. */
  API(BrowserRule.REFUSED_AND_CHANGES_BY_NAME, true),
  /** {@code /admin/}. */
  ADMIN(BrowserRule.REFUSED_AND_CHANGES_BY_NAME, true),
  /** {@code /metrics}. */
  METRICS(BrowserRule.REFUSED, true),
  /** {@code /healthz} and {@code /readyz}. */
  PROBE(BrowserRule.NONE, false),
  /** All other paths. */
  UNKNOWN(BrowserRule.REFUSED, false);

  private final BrowserRule browsers;
  private final boolean honorsImpersonation;

  RouteFamily(BrowserRule browsers, boolean honorsImpersonation) {
    this.browsers = browsers;
    this.honorsImpersonation = honorsImpersonation;
  }

  /** Returns the family of a request's path. */
  static RouteFamily of(Request request) {
    String path = request.path();
    if (path.startsWith("/v2/") || path.equals("/v2")) {
      return REGISTRY;
    }
    if (TokenEndpoint.isFor(request)) {
      return TOKEN;
    }
    if (Api.isFor(request)) {
      return API;
    }
    if (path.startsWith(Admin.ORDERS)) {
      return ADMIN;
    }
    return switch (path) {
      case Admin.HEALTH, Admin.READY -> PROBE;
      case Admin.METRICS -> METRICS;
      default -> UNKNOWN;
    };
  }

  BrowserRule browsers() {
    return browsers;
  }

  /**
   * Returns whether a caller may act as another user. The other routes refuse impersonation
   * headers.
   */
  boolean honorsImpersonation() {
    return honorsImpersonation;
  }
}
