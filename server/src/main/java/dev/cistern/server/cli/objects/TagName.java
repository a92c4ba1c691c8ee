package dev.cistern.server.cli.objects;

/**
 * A tag of an image stream in the arguments of a command: {@code [NAMESPACE/]STREAM:TAG}.
 *
 * @param tag the tag; {@code latest} if the argument ends with the colon
 */
public record TagName(String namespace, String stream, String tag) {
  /**
   * Parses a tag of an image stream.
   *
   * @param usual the default namespace
   * @throws ObjectException if it is invalid
   */
  public static TagName parse(String text, String usual) {
    int slash = text.indexOf('/');
    if (slash != text.lastIndexOf('/')) {
      throw new ObjectException("invalid image stream " + Quoted.of(text));
    }
    String namespace = slash < 0 ? usual : text.substring(0, slash);
    String rest = text.substring(slash + 1);
    if (slash >= 0 && (namespace.isEmpty() || rest.isEmpty())) {
      throw new ObjectException(
          "invalid %s %s for image stream %s"
              .formatted(
                  namespace.isEmpty() ? "namespace" : "name", Quoted.of(""), Quoted.of(text)));
    }
    int colon = rest.indexOf(':');
    if (colon < 0) {
      throw new ObjectException(Quoted.of(rest) + " must be of the form <stream_name>:<tag>");
    }
    String tag = rest.substring(colon + 1);
    return new TagName(namespace, rest.substring(0, colon), tag.isEmpty() ? "latest" : tag);
  }

  /** Returns the tag without its namespace. */
  @Override
  public String toString() {
    return stream + ":" + tag;
  }
}
