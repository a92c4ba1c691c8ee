package dev.cistern.server.streams;

import dev.cistern.server.objects.ApiException;
import dev.cistern.server.objects.ClusterObjects;
import dev.cistern.server.objects.Kinds;
import dev.cistern.server.objects.Meta;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Builder of the status of an {@code ImageStreamImport}, with the result for each requested image.
 */
record ImportReport(ClusterObjects objects) {
  /** Returns the statuses of images, in the order of the request. */
  ArrayNode images(List<Imported> images) {
    ArrayNode statuses = JsonMapper.shared().createArrayNode();
    images.forEach(image -> statuses.add(status(image)));
    return statuses;
  }

  private ObjectNode status(Imported image) {
    ObjectNode json = JsonMapper.shared().createObjectNode();
    json.set("status", status(image.failure()));
    image.image().ifPresent(found -> json.set("image", stored(found)));
    json.put("tag", image.tag().isEmpty() ? image.from().tagOrLatest().name() : image.tag());
    if (!image.children().isEmpty()) {
      ArrayNode manifests = json.putArray("manifests");
      image.children().forEach(child -> manifests.add(stored(child)));
    }
    return json;
  }

  /** Returns the stored object of an image, with the reference of this import. */
  private ObjectNode stored(ObjectNode image) {
    ObjectNode found = objects.get(Kinds.IMAGE, "", Meta.name(image)).orElse(image).deepCopy();
    return found.put("dockerImageReference", image.path("dockerImageReference").asString(""));
  }

  private static ObjectNode status(Optional<ApiException> failure) {
    return failure
        .map(why -> {
          ObjectNode status = why.status();
          status.remove("kind");
          status.remove("apiVersion");
          return status;
        })
        .orElseGet(() -> {
          ObjectNode status = JsonMapper.shared().createObjectNode();
          status.putObject("metadata");
          return status.put("status", "Success");
        });
  }

  /** Returns the status of the import of a whole repository. */
  ObjectNode repository(Importer.Repository repository) {
    ObjectNode json = JsonMapper.shared().createObjectNode();
    long failures = repository.images().stream().filter(one -> one.failure().isPresent()).count();
    ObjectNode status = status(repository.failure());
    if (failures > 0) {
      status
          .put("status", "Failure")
          .put("reason", "ImportFailed")
          .put(
              "message",
              failures == 1
                  ? "one of the images from this repository failed to import"
                  : failures + " of the images from this repository failed to import");
    }
    json.set("status", status);
    json.set("images", images(repository.images()));
    if (!repository.additional().isEmpty()) {
      ArrayNode more = json.putArray("additionalTags");
      repository.additional().forEach(more::add);
    }
    return json;
  }
}
