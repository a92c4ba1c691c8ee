package dev.cistern.server.http;

/**
 * The numbers of requests whose response is not sent completely yet.
 *
 * @param replies the number of requests that read: GET and HEAD
 * @param pushes the number of requests that change something
 */
public record InFlight(int replies, int pushes) {
  static final InFlight NONE = new InFlight(0, 0);

  InFlight plus(InFlight other) {
    return new InFlight(replies + other.replies, pushes + other.pushes);
  }

  /** Returns the number of all requests. */
  public int count() {
    return replies + pushes;
  }
}
