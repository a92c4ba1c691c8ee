package dev.cistern.server.api;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cistern.server.objects.ApiException;
import java.net.URLDecoder;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** A parsed path below {@code /api} or {@code /apis} ("Resource URIs"). */
sealed interface ApiPath {
  /** {@code /api} or {@code /apis}. */
  record Root(boolean isCore) implements ApiPath {}

  /** {@code /apis/GROUP}. */
  record Group(String name) implements ApiPath {}

  /**
   * {@code /api/v1} or {@code /apis/GROUP/VERSION}; {@code apiVersion} is written as in objects.
   */
  record Version(String apiVersion) implements ApiPath {}

  /**
   * The path of objects.
   *
   * @param part the subresource, such as {@code status}; "" for the object itself
   */
  record Objects(
      String apiVersion,
      String plural,
      Optional<String> namespace,
      Optional<String> name,
      String part)
      implements ApiPath {}

  /**
   * Parses a path.
   *
   * @throws ApiException if no resource can have this path
   */
  static ApiPath parse(String path) {
    List<String> parts = Stream.of(path.substring(1).split("/", -1)).map(ApiPath::decoded).toList();
    boolean isCore = parts.getFirst().equals("api");
    List<String> rest = parts.subList(1, parts.size());
    if (!rest.isEmpty() && rest.getLast().isEmpty()) {
      rest = rest.subList(0, rest.size() - 1);
    }
    if (rest.isEmpty()) {
      return new Root(isCore);
    }
    if (!isCore && rest.size() == 1) {
      return new Group(rest.getFirst());
    }
    int versionLength = isCore ? 1 : 2;
    String apiVersion = String.join("/", rest.subList(0, versionLength));
    rest = rest.subList(versionLength, rest.size());
    return rest.isEmpty() ? new Version(apiVersion) : objects(apiVersion, rest);
  }

  private static ApiPath objects(String apiVersion, List<String> parts) {
    boolean isNamespaced =
        parts.getFirst().equals("namespaces")
            && parts.size() > 2
            && !List.of("status", "finalize").contains(parts.get(2));
    Optional<String> namespace = isNamespaced ? Optional.of(parts.get(1)) : Optional.empty();
    List<String> rest = isNamespaced ? parts.subList(2, parts.size()) : parts;
    if (rest.size() > 3) {
      throw nothing();
    }
    return new Objects(
        apiVersion,
        rest.getFirst(),
        namespace,
        rest.size() > 1 ? Optional.of(rest.get(1)) : Optional.empty(),
        rest.size() > 2 ? rest.get(2) : "");
  }

  private static String decoded(String part) {
    try {
      return URLDecoder.decode(part.replace("+", "%2B"), UTF_8);
    } catch (IllegalArgumentException e) {
      throw nothing();
    }
  }

  /** Returns the exception for a path that does not exist. */
  static ApiException nothing() {
    return new ApiException(
        ApiException.Reason.NOT_FOUND, "the server could not find the requested resource");
  }
}
