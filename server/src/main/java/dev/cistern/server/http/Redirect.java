package dev.cistern.server.http;

import org.jspecify.annotations.Nullable;

/**
 * Handler that redirects every request to the same host at https, so that no client stays on plain
 * HTTP.
 */
final class Redirect implements Handler {
  private static final int HTTPS = 443;

  private final Handler served;
  private final int port;

  /**
   * @param served the handler of requests over https
   * @param port the port of https
   */
  Redirect(Handler served, int port) {
    this.served = served;
    this.port = port;
  }

  @Override
  public @Nullable Reply turnedAway(Request request) {
    return served.turnedAway(request);
  }

  @Override
  public @Nullable Reply atHand(Request request) {
    return handle(request);
  }

  @Override
  public Reply handle(Request request) {
    String host = request.header("Host").orElse("");
    if (host.isEmpty() || !request.target().startsWith("/")) {
      return served.malformed("a Host and a path are needed to go on at https", 400);
    }
    return Reply.status(308)
        .header("Location", "https://" + authority(host) + request.target())
        .body("text/plain; charset=utf-8", "this registry speaks https\n");
  }

  /** Returns the host of a Host header, with the port of https unless it is 443. */
  private String authority(String host) {
    int colon = host.lastIndexOf(':');
    boolean hasPort = colon > host.lastIndexOf(']');
    String name = hasPort ? host.substring(0, colon) : host;
    return port == HTTPS ? name : name + ":" + port;
  }

  @Override
  public Reply malformed(String reason, int status) {
    return served.malformed(reason, status);
  }

  @Override
  public Reply refused(Refusal why) {
    return served.refused(why);
  }

  @Override
  public void done(Request request, Reply reply, Sent sent, long nanos) {
    served.done(request, reply, sent, nanos);
  }
}
