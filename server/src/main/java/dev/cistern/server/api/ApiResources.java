package dev.cistern.server.api;

import dev.cistern.server.access.Gate;
import dev.cistern.server.objects.ClusterObjects;
import dev.cistern.server.objects.Kinds;
import dev.cistern.server.objects.ResourceType;
import dev.cistern.server.streams.Importer;
import dev.cistern.server.streams.StreamEditor;
import dev.cistern.server.streams.StreamImages;
import dev.cistern.server.streams.Streams;
import java.time.InstantSource;
import java.util.List;

/** All that the API serves. */
final class ApiResources {
  private ApiResources() {}

  /** Returns one resource for each kind of object, in the order in which discovery tells them. */
  static List<Resource> all(
      Gate gate,
      ClusterObjects objects,
      Streams streams,
      StreamEditor editor,
      Importer importer,
      InstantSource clock) {
    var views = new StreamViews(objects);
    return List.of(
        plain(Kinds.NAMESPACE, objects),
        new ImageStreams(streams, editor, gate, clock),
        new ImageStreamTags(false, streams, editor, views, gate, clock),
        new ImageStreamTags(true, streams, editor, views, gate, clock),
        new ImageStreamImages(streams, new StreamImages(objects), views),
        new ImageStreamImports(importer),
        new StoredResource(
            Kinds.IMAGE,
            Resource.Access.SEEN,
            objects,
            List.of(
                Column.ofName(),
                Column.of(
                    "Image Reference",
                    "Where the image is.",
                    image -> image.path("dockerImageReference").asString(""))),
            StoredResource.Kind.PLAIN));
  }

  private static Resource plain(ResourceType type, ClusterObjects objects) {
    return new StoredResource(
        type, Resource.Access.SEEN, objects, Column.USUAL, StoredResource.Kind.PLAIN);
  }
}
