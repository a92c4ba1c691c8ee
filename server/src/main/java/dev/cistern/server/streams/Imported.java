package dev.cistern.server.streams;

import dev.cistern.server.objects.ApiException;
import dev.cistern.server.objects.Meta;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import tools.jackson.databind.node.ObjectNode;

/**
 * What came of asking for one image.
 *
 * @param tag which it is to have; "" for none
 * @param from as it was asked for
 * @param image the object made of it, if it is there
 * @param children those of the images of an index
 * @param failure why it is not
 */
record Imported(
    String tag,
    PullSpec from,
    Optional<ObjectNode> image,
    List<ObjectNode> children,
    Optional<ApiException> failure) {
  Imported {
    children = List.copyOf(children);
  }

  static Imported of(String tag, PullSpec from, ObjectNode image, List<ObjectNode> children) {
    return new Imported(tag, from, Optional.of(image), children, Optional.empty());
  }

  static Imported failed(String tag, PullSpec from, ApiException why) {
    return new Imported(tag, from, Optional.empty(), List.of(), Optional.of(why));
  }

  /** Returns how much there is to say of it. */
  long bytes() {
    return Stream.concat(image.stream(), children.stream())
        .mapToLong(object -> object.toString().length())
        .sum();
  }

  /** Returns the digest of the image that is there. */
  String digest() {
    return image.map(Meta::name).orElseThrow();
  }
}
