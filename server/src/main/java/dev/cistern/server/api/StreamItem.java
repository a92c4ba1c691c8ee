package dev.cistern.server.api;

import dev.cistern.server.objects.ApiException;

/**
 * The name of a tag or of an image of a stream: {@code STREAM:TAG} or {@code STREAM@DIGEST}.
 *
 * @param item the tag, or the digest or a prefix of it
 */
record StreamItem(String stream, String item) {
  /**
   * Parses a name.
   *
   * @param kind the kind of object for the error message
   * @throws ApiException if the name is invalid
   */
  static StreamItem parse(String name, String separator, String kind) {
    String[] parts = name.split(separator, -1);
    if (parts.length != 2 || parts[0].isEmpty() || parts[1].isEmpty()) {
      throw ApiException.badRequest(
          kind
              + " must be retrieved with <name>"
              + separator
              + (separator.equals(":") ? "<tag>" : "<id>"));
    }
    return new StreamItem(parts[0], parts[1]);
  }
}
