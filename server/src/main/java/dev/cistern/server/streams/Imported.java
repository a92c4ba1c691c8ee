package dev.cistern.server.streams;

import dev.cistern.server.objects.ApiException;
import dev.cistern.server.objects.Meta;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import tools.jackson.databind.node.ObjectNode;

/**
 * The result of importing one image.
 *
 * @param tag the tag that it gets; "" for none
 * @param from the requested pull spec
 * @param image the object of the image; empty on failure
 * @param children the objects of the images of an index
 * @param failure the reason why the image is missing
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

  /** Returns the total length of the objects, in characters of JSON. */
  long bytes() {
    return Stream.concat(image.stream(), children.stream())
        .mapToLong(object -> object.toString().length())
        .sum();
  }

  /** Returns the digest of the imported image. */
  String digest() {
    return image.map(Meta::name).orElseThrow();
  }
}
