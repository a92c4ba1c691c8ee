package dev.cistern.server.http;

import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import io.netty.handler.codec.http.QueryStringDecoder;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** The decoded parameters of a request's target. */
public final class Query {
  private static final int MOST_PARAMETERS = 128;
  private static final Query NONE = new Query(Map.of());

  private final Map<String, List<String>> parameters;

  private Query(Map<String, List<String>> parameters) {
    this.parameters = parameters;
  }

  /**
   * Parses the text after a question mark, or a form.
   *
   * @throws OciException if it cannot be decoded
   */
  public static Query parse(String text) {
    if (text.isEmpty()) {
      return NONE;
    }
    try {
      return new Query(
          QueryStringDecoder.builder()
              .hasPath(false)
              .maxParams(MOST_PARAMETERS)
              .build(text)
              .parameters());
    } catch (IllegalArgumentException e) {
      throw new OciException(ErrorCode.UNSUPPORTED, "the query of the request cannot be decoded")
          .withStatus(400);
    }
  }

  /** Returns the names of all parameters. */
  public Set<String> names() {
    return Collections.unmodifiableSet(parameters.keySet());
  }

  /** Returns the first value of {@code name}. */
  public Optional<String> first(String name) {
    List<String> values = parameters.get(name);
    return values == null ? Optional.empty() : Optional.of(values.getFirst());
  }

  /** Returns all values of {@code name}. */
  public List<String> all(String name) {
    return List.copyOf(parameters.getOrDefault(name, List.of()));
  }
}
