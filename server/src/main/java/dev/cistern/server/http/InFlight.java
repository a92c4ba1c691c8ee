package dev.cistern.server.http;

/**
 * Requests whose answer is not out yet.
 *
 * @param replies those that read: GET and HEAD
 * @param pushes those that change something
 */
public record InFlight(int replies, int pushes) {
  static final InFlight NONE = new InFlight(0, 0);

  InFlight plus(InFlight other) {
    return new InFlight(replies + other.replies, pushes + other.pushes);
  }

  /** Returns how many there are in all. */
  public int count() {
    return replies + pushes;
  }
}
