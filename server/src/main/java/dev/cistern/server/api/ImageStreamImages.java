package dev.cistern.server.api;

import dev.cistern.server.objects.ApiException;
import dev.cistern.server.objects.Meta;
import dev.cistern.server.objects.ResourceType;
import dev.cistern.server.streams.ImageStream;
import dev.cistern.server.streams.StreamImages;
import dev.cistern.server.streams.Streams;
import java.util.Optional;
import java.util.SortedSet;
import tools.jackson.databind.node.ObjectNode;

/**
 * The resource {@code imagestreamimages}: an image in the history of a stream's tags, or a manifest
 * that an index among these images references. A unique prefix of the digest is sufficient.
 */
final class ImageStreamImages implements Resource.Gets {
  private final Streams streams;
  private final StreamImages images;
  private final StreamViews views;

  ImageStreamImages(Streams streams, StreamImages images, StreamViews views) {
    this.streams = streams;
    this.images = images;
    this.views = views;
  }

  @Override
  public ResourceType type() {
    return StreamViews.STREAM_IMAGE;
  }

  @Override
  public Access access() {
    return ImageStreams.ACCESS;
  }

  @Override
  public ObjectNode get(Call call) {
    StreamItem item = StreamItem.parse(call.requiredName(), "@", "ImageStreamImages");
    ImageStream stream = streams.require(call.requiredNamespace(), item.stream());
    SortedSet<String> meant = images.meant(stream, item.item());
    if (meant.isEmpty()) {
      throw ApiException.notFound(type(), call.requiredName());
    }
    if (meant.size() > 1) {
      throw ApiException.conflict(
          type(),
          call.requiredName(),
          "multiple images match the prefix \"%s\": %s"
              .formatted(item.item(), String.join(", ", meant)));
    }
    ObjectNode image =
        Optional.of(meant.first())
            .filter(digest -> streams.isOf(stream, digest))
            .flatMap(views::image)
            .orElseThrow(() -> ApiException.notFound(type(), call.requiredName()));
    stream
        .item(Meta.name(image))
        .ifPresent(event -> image.put("dockerImageReference", event.reference()));
    return views.image(stream, image, Meta.name(image));
  }
}
