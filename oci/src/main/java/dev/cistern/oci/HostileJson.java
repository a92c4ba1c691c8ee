package dev.cistern.oci;

import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.json.JsonMapper;

/**
 * JSON mappers for untrusted texts, which may be crafted to use far more memory than their length.
 */
public final class HostileJson {
  /**
   * Maximum tokens of an object: more than a cluster's object has, which is at most 1 MiB of JSON.
   */
  public static final int MOST_TOKENS = 200_000;

  /** Maximum nesting depth of an object. */
  public static final int MOST_DEPTH = 500;

  /** The mapper for objects of a cluster, and for other texts within the same limits. */
  public static final JsonMapper OBJECTS = mapper(MOST_TOKENS, MOST_DEPTH);

  private HostileJson() {}

  /** Returns whether a text is a JSON object that {@link #OBJECTS} accepts. */
  public static boolean isObject(byte[] text) {
    try {
      return OBJECTS.readTree(text).isObject();
    } catch (JacksonException e) {
      return false;
    }
  }

  /**
   * Returns a mapper that refuses a text with more than {@code mostTokens} tokens, or nested deeper
   * than {@code mostDepth}. Each value counts as one token, its name as another, and the end of an
   * object or an array as another.
   *
   * @param features further checks of the mapper
   */
  public static JsonMapper mapper(int mostTokens, int mostDepth, StreamReadFeature... features) {
    return JsonMapper.builder(
            JsonFactory.builder()
                .streamReadConstraints(
                    StreamReadConstraints.builder()
                        .maxTokenCount(mostTokens)
                        .maxNestingDepth(mostDepth)
                        .build())
                .build())
        .enable(features)
        .build();
  }
}
