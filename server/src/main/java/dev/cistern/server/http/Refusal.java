package dev.cistern.server.http;

/** The reason why a client is rejected. */
public enum Refusal {
  CONNECTIONS(
      "connections", 503, "the server has as many connections as it may", "try again in a moment"),
  DESCRIPTORS(
      "descriptors",
      503,
      "the server has no file descriptors left for connections",
      "try again in a moment"),
  CLIENT_CONNECTIONS(
      "client-connections",
      429,
      "this address has as many connections as it may",
      "use those that are open, or try again in a moment"),
  CLIENT_REQUESTS(
      "client-requests",
      429,
      "this address has as many requests under way as it may",
      "wait for some of them"),
  MEMORY(
      "memory",
      429,
      "request rejected: too much memory waits for slow clients",
      "try again in a moment, or have the administrator raise limits.memory"),
  PLAIN_HTTP(
      "plain-http",
      400,
      "this port speaks TLS, and the request came over plain HTTP",
      "use https:// with this address; the connection is closed"),
  SLOW_HANDSHAKE("slow-handshake", 408, "the handshake took too long", "try again"),
  SLOW_HEAD("slow-head", 408, "the head of the request took too long", "send it at once"),
  SLOW_BODY("slow-body", 408, "the body of the request stood still", "send it again"),
  SLOW_READER("slow-reader", 408, "the reply was not taken", "ask again");

  private final String word;
  private final int status;
  private final String message;
  private final String advice;

  Refusal(String word, int status, String message, String advice) {
    this.word = word;
    this.status = status;
    this.message = message;
    this.advice = advice;
  }

  /** Returns the name of the reason in metrics. */
  public String word() {
    return word;
  }

  /** Returns the HTTP status, if there is a response. */
  public int status() {
    return status;
  }

  public String message() {
    return message;
  }

  /** Returns the advice to the client. */
  public String advice() {
    return advice;
  }

  /** Returns whether the same request may be accepted a moment later. */
  public boolean isForNow() {
    return status == 429 || status == 503;
  }
}
