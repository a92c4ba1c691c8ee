package dev.cistern.server.api;

import dev.cistern.server.objects.ApiException;
import dev.cistern.server.objects.ClusterObjects;
import dev.cistern.server.objects.Kinds;
import dev.cistern.server.objects.ResourceType;
import dev.cistern.server.streams.Pruner;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import tools.jackson.databind.node.ObjectNode;

/**
 * The resource {@code images}: metadata of the images in streams, by digest. Imports and pushes
 * create them. An image in use is not deleted.
 */
final class Images implements Resource.Gets, Resource.Shows, Resource.Deletes {
  private final StoredResource stored;
  private final Pruner pruner;

  Images(ClusterObjects objects, Pruner pruner) {
    this.stored =
        new StoredResource(
            Kinds.IMAGE,
            Access.SEEN,
            objects,
            List.of(
                Column.ofName(),
                Column.of(
                    "Image Reference",
                    "Where the image is.",
                    image -> image.path("dockerImageReference").asString(""))),
            StoredResource.Kind.PLAIN);
    this.pruner = pruner;
  }

  @Override
  public ResourceType type() {
    return Kinds.IMAGE;
  }

  @Override
  public ResourceType stored() {
    return Kinds.IMAGE;
  }

  @Override
  public Access access() {
    return Access.SEEN;
  }

  @Override
  public List<Column> columns() {
    return stored.columns();
  }

  @Override
  public Stream<ObjectNode> views(ObjectNode image, Call call) {
    return Stream.of(image);
  }

  @Override
  public ObjectNode get(Call call) {
    return stored.get(call);
  }

  @Override
  public ObjectNode delete(Call call, DeleteOptions options) throws IOException {
    var said = new ArrayList<ObjectNode>();
    Optional<String> reason =
        pruner.remove(call.requiredName(), () -> said.add(stored.delete(call, options)));
    if (reason.isPresent()) {
      throw ApiException.conflict(type(), call.requiredName(), reason.get());
    }
    return said.getFirst();
  }
}
