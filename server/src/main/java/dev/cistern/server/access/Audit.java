package dev.cistern.server.access;

import dev.cistern.server.http.Reply;
import dev.cistern.server.http.Request;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The audit log: one JSON object per line, for each change and each denied request, by the logger
 * {@code audit}. A line contains names, never credentials.
 */
public final class Audit {
  private static final Logger LOG = LoggerFactory.getLogger("audit");
  private static final int ACCEPTED = 202;
  private static final int SUCCESS_END = 300;
  private static final int UNAUTHORIZED = 401;
  private static final int DENIED = 403;

  private Audit() {}

  /** Logs an answered request if it changed something or was denied. */
  public static void note(Request request, Reply reply) {
    boolean isRead = request.isGetOrHead() || TokenEndpoint.isFor(request);
    boolean isDone =
        request.deed() != null
            || (!isRead && !isPart(request, reply) && reply.status() < SUCCESS_END);
    boolean isRefused =
        reply.status() == DENIED
            || (reply.status() == UNAUTHORIZED && request.hasHeader("Authorization"));
    if (isDone || isRefused) {
      LOG.info(line(request, reply, isRefused).toString());
    }
  }

  /**
   * Returns whether a request has not changed anything yet. Opening an upload and appending to it
   * change nothing. Neither do requests of the object API that set no deed, such as reviews and dry
   * runs.
   */
  private static boolean isPart(Request request, Reply reply) {
    return request.method().equals("PATCH")
        || (request.method().equals("POST") && reply.status() == ACCEPTED)
        || request.path().startsWith("/api");
  }

  private static ObjectNode line(Request request, Reply reply, boolean isRefused) {
    ObjectNode line = JsonMapper.shared().createObjectNode();
    line.put("time", Instant.now().truncatedTo(ChronoUnit.MILLIS).toString());
    line.put("audit", isRefused ? "denied" : "done");
    if (request.principal() != null) {
      line.put("user", request.principal());
    }
    if (request.impersonatedUser() != null) {
      line.put("impersonatedUser", request.impersonatedUser());
      request.impersonatedGroups().forEach(line.putArray("impersonatedGroups")::add);
    }
    line.put("client", request.client());
    line.put("method", request.method());
    if (request.repository() == null) {
      line.put("path", request.path());
    } else {
      line.put("repository", request.repository()).put("reference", request.reference());
    }
    if (request.deed() != null) {
      line.put("did", request.deed());
    }
    line.put("status", reply.status());
    if (reply.reason() != null) {
      line.put("reason", reply.reason());
    }
    return line;
  }
}
