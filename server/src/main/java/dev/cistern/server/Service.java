package dev.cistern.server;

import dev.cistern.mirror.CacheStatus;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import dev.cistern.server.access.Audit;
import dev.cistern.server.access.BrowserGuard;
import dev.cistern.server.access.ImpersonationHeaders;
import dev.cistern.server.access.TokenEndpoint;
import dev.cistern.server.admin.Admin;
import dev.cistern.server.admin.Traffic;
import dev.cistern.server.api.Api;
import dev.cistern.server.http.Handler;
import dev.cistern.server.http.Refusal;
import dev.cistern.server.http.Reply;
import dev.cistern.server.http.Request;
import dev.cistern.server.http.Sent;
import dev.cistern.server.registry.Errors;
import dev.cistern.server.registry.Registry;
import java.io.IOException;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.spi.LoggingEventBuilder;

/**
 * The handler of all requests. It passes each request to the endpoint of its route. It records the
 * outcome in the access log, the audit log and the metrics.
 */
final class Service implements Handler {
  private static final Logger ACCESS = LoggerFactory.getLogger("access");
  private static final Duration RETRY_AFTER = Duration.ofSeconds(1);

  private final BrowserGuard browsers;
  private final boolean hasUsers;
  private final Registry registry;
  private final TokenEndpoint tokens;
  private final Api api;
  private final Admin admin;
  private final Traffic traffic;
  private final boolean isLogged;

  Service(
      BrowserGuard browsers,
      boolean hasUsers,
      Registry registry,
      TokenEndpoint tokens,
      Api api,
      Admin admin,
      Traffic traffic,
      boolean isLogged) {
    this.browsers = browsers;
    this.hasUsers = hasUsers;
    this.registry = registry;
    this.tokens = tokens;
    this.api = api;
    this.admin = admin;
    this.traffic = traffic;
    this.isLogged = isLogged;
  }

  @Override
  public @Nullable Reply turnedAway(Request request) {
    RouteFamily family = RouteFamily.of(request);
    @Nullable OciException refusal = browsers.refusal(request, family.browsers());
    if (refusal == null
        && ImpersonationHeaders.arePresent(request)
        && !(hasUsers && family.honorsImpersonation())) {
      refusal = ImpersonationHeaders.refusal(hasUsers);
    }
    if (refusal == null) {
      return null;
    }
    return family == RouteFamily.API ? Api.refused(refusal) : Errors.reply(refusal);
  }

  @Override
  public @Nullable Reply atHand(Request request) {
    return registry.atHand(request);
  }

  @Override
  public Reply handle(Request request) {
    try {
      return switch (RouteFamily.of(request)) {
        case REGISTRY -> registry.answer(request);
        case TOKEN -> tokens.answer(request);
        case API -> api.answer(request);
        case ADMIN, METRICS, PROBE, UNKNOWN -> admin.answer(request);
      };
    } catch (IOException | RuntimeException e) {
      return Errors.reply(e);
    }
  }

  @Override
  public Reply malformed(String reason, int status) {
    return Errors.reply(
        new OciException(
                ErrorCode.UNSUPPORTED,
                "not a request that HTTP/1.1 allows: " + reason,
                "see RFC 9112; the connection is closed")
            .withStatus(status));
  }

  @Override
  public Reply refused(Refusal why) {
    ErrorCode code = why.isForNow() ? ErrorCode.TOOMANYREQUESTS : ErrorCode.UNSUPPORTED;
    Reply reply =
        Errors.reply(new OciException(code, why.message(), why.advice()).withStatus(why.status()));
    return why.isForNow() ? reply.retryAfter(RETRY_AFTER) : reply;
  }

  @Override
  public void done(Request request, Reply reply, Sent sent, long nanos) {
    traffic.count(reply, sent, nanos);
    Audit.note(request, reply);
    if (isLogged) {
      log(request, reply, sent, nanos);
    }
  }

  private static void log(Request request, Reply reply, Sent sent, long nanos) {
    LoggingEventBuilder line =
        ACCESS
            .atInfo()
            .addKeyValue("client", request.client())
            .addKeyValue("method", request.method());
    if (request.principal() != null) {
      line = line.addKeyValue("user", request.principal());
    }
    if (request.impersonatedUser() != null) {
      line =
          line.addKeyValue("impersonatedUser", request.impersonatedUser())
              .addKeyValue("impersonatedGroups", request.impersonatedGroups());
    }
    if (request.certificate().isPresent()) {
      line =
          line.addKeyValue(
              "certificate", request.certificate().get().getSubjectX500Principal().getName());
    }
    if (request.repository() == null) {
      line = line.addKeyValue("path", request.path());
    } else {
      line =
          line.addKeyValue("repository", request.repository())
              .addKeyValue("reference", request.reference());
    }
    line =
        line.addKeyValue("status", reply.status())
            .addKeyValue("bytes", sent.bytes())
            .addKeyValue("ms", Math.round(nanos / 1e3) / 1e3);
    if (sent.isCut()) {
      line = line.addKeyValue("cut", true);
    }
    @Nullable CacheStatus cache = reply.cache();
    if (cache != null) {
      line = line.addKeyValue("cache", cache.outcome().word());
      if (cache.upstream().isPresent()) {
        line = line.addKeyValue("upstream", cache.upstream().get());
      }
      if (cache.reason().isPresent()) {
        line = line.addKeyValue("reason", cache.reason().get());
      }
    }
    if (reply.reason() != null) {
      line = line.addKeyValue("reason", reply.reason());
    }
    line.log("request");
  }
}
