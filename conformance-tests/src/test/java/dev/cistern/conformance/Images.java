package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** Manifests of images whose content does not matter. */
final class Images {
  static final String IMAGE = "application/vnd.oci.image.manifest.v1+json";
  private static final String CONFIG = "application/vnd.oci.image.config.v1+json";
  private static final String LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";

  private Images() {}

  static Sample image(Sample config, List<Sample> layers, String annotation) {
    return image(config, layers, annotation, Optional.empty());
  }

  static Sample image(
      Sample config, List<Sample> layers, String annotation, Optional<Sample> subject) {
    String json =
        "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":%s,\"layers\":[%s]%s,\"annotations\":{\"a\":\"%s\"}}"
            .formatted(
                IMAGE,
                config.descriptor(CONFIG),
                layers.stream()
                    .map(layer -> layer.descriptor(LAYER))
                    .collect(Collectors.joining(",")),
                subject.map(of -> ",\"subject\":" + of.descriptor(IMAGE)).orElse(""),
                annotation);
    return Sample.of(json.getBytes(UTF_8));
  }
}
