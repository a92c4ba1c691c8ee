package dev.cistern.server.api;

import dev.cistern.auth.access.Verb;
import dev.cistern.server.objects.Kinds;
import dev.cistern.server.objects.ResourceType;
import dev.cistern.server.streams.ImageStream;
import dev.cistern.server.streams.Importer;
import java.io.IOException;
import java.util.Optional;
import tools.jackson.databind.node.ObjectNode;

/**
 * The resource {@code imagestreamimports}: a POST imports images immediately and returns the
 * result.
 */
final class ImageStreamImports implements Resource.Creates {
  private static final ResourceType TYPE =
      ResourceType.namespaced(
          Kinds.IMAGE_STREAM.group(), "v1", "imagestreamimports", "ImageStreamImport");

  private final Importer importer;

  ImageStreamImports(Importer importer) {
    this.importer = importer;
  }

  @Override
  public ResourceType type() {
    return TYPE;
  }

  @Override
  public Access access() {
    return new Access(Optional.empty(), Optional.of(Verb.IMPORT), Verb.IMPORT, Verb.IMPORT);
  }

  @Override
  public ObjectNode create(Call call, ObjectNode object) throws IOException {
    if (call.isDryRun()) {
      object.withObject("spec").put("import", false);
    }
    ObjectNode result = importer.run(call.requiredNamespace(), object);
    if (result.path("status").path("import") instanceof ObjectNode stream) {
      ((ObjectNode) result.path("status"))
          .set("import", ImageStream.of(stream).shown(call.registry()));
    }
    return result;
  }
}
