package dev.cistern.oci;

import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.json.JsonMapper;

/** Reads JSON of others, which may be made to be larger in memory than it is as a text. */
public final class HostileJson {
  /** More than an object of a cluster has, which is at most 1 MiB of JSON. */
  public static final int MOST_TOKENS = 200_000;

  /** How deep an object may be nested. */
  public static final int MOST_DEPTH = 500;

  /** Reads objects of a cluster, and what is as long as they may be. */
  public static final JsonMapper OBJECTS = mapper(MOST_TOKENS, MOST_DEPTH);

  private HostileJson() {}

  /** Returns whether a text is a JSON object that {@link #OBJECTS} reads. */
  public static boolean isObject(byte[] text) {
    try {
      return OBJECTS.readTree(text).isObject();
    } catch (JacksonException e) {
      return false;
    }
  }

  /**
   * Returns what refuses a text with more than {@code mostTokens} (each value counts for one, its
   * name for another, and the end of an object or an array), or nested deeper than {@code
   * mostDepth}.
   *
   * @param features what else it refuses
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
