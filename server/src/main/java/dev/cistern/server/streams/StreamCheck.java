package dev.cistern.server.streams;

import dev.cistern.oci.OciException;
import dev.cistern.server.objects.FieldError;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;

/** Validation of streams, tags and imports, with the messages of OpenShift. */
public final class StreamCheck {
  /** Maximum number of images in one import. */
  static final int MOST_IMAGES = 200;

  private static final int LONGEST_NAME = 255;
  private static final String COMPONENT = "[a-z0-9]+(?:[._-][a-z0-9]+)*";
  private static final Pattern NAME = Pattern.compile(COMPONENT);

  private StreamCheck() {}

  /** Returns the errors in the name of a stream. */
  public static List<FieldError> name(String namespace, String name) {
    var errors = new ArrayList<FieldError>();
    if (name.isEmpty()) {
      errors.add(FieldError.required("metadata.name", "name or generateName is required"));
    } else if (!NAME.matcher(name).matches()) {
      errors.add(FieldError.invalid("metadata.name", name, "must match \"" + COMPONENT + "\""));
    } else if (namespace.length() + 1 + name.length() > LONGEST_NAME) {
      errors.add(
          FieldError.invalid(
              "metadata.name",
              name,
              "'namespace/name' cannot be longer than " + LONGEST_NAME + " characters"));
    }
    return errors;
  }

  /** Returns the errors in a stream that a client sent. */
  static List<FieldError> stream(JsonNode json) {
    var errors = new ArrayList<FieldError>();
    String repository = json.path("spec").path("dockerImageRepository").asString("");
    if (!repository.isEmpty()) {
      errors.addAll(repository("spec.dockerImageRepository", repository));
    }
    for (JsonNode tag : json.path("spec").path("tags")) {
      if (tag.path("name").asString("").isEmpty()) {
        errors.add(FieldError.required("spec.tags.name", "each tag needs a name"));
      }
      errors.addAll(tag(tag, "spec.tags[" + tag.path("name").asString("") + "]"));
    }
    return errors;
  }

  private static List<FieldError> repository(String path, String text) {
    try {
      PullSpec spec = PullSpec.parse(text);
      if (spec.tag().isPresent()) {
        return List.of(FieldError.invalid(path, text, "the repository name may not contain a tag"));
      }
      return spec.digest().isPresent()
          ? List.of(FieldError.invalid(path, text, "the repository name may not contain an ID"))
          : List.of();
    } catch (OciException e) {
      return List.of(FieldError.invalid(path, text, e.message()));
    }
  }

  /** Returns the errors in a tag that a client sent. */
  public static List<FieldError> tag(JsonNode tag, String path) {
    var errors = new ArrayList<FieldError>();
    JsonNode from = tag.path("from");
    if (from.isObject()) {
      errors.addAll(source(tag, from, path));
    }
    String policy = tag.path("referencePolicy").path("type").asString("");
    if (!List.of("", "Source", "Local").contains(policy)) {
      errors.add(
          FieldError.invalid(
              path + ".referencePolicy.type", policy, "valid values are \"Source\", \"Local\""));
    }
    errors.addAll(importPolicy(tag.path("importPolicy"), path + ".importPolicy"));
    return errors;
  }

  private static List<FieldError> source(JsonNode tag, JsonNode from, String path) {
    var errors = new ArrayList<FieldError>();
    String name = from.path("name").asString("");
    if (name.isEmpty()) {
      errors.add(FieldError.required(path + ".from.name", ""));
    }
    switch (from.path("kind").asString("")) {
      case SourceReference.DOCKER_IMAGE -> {
        if (!name.isEmpty()) {
          pullSpec(path + ".from.name", name).ifPresent(errors::add);
        }
      }
      case SourceReference.STREAM_IMAGE, SourceReference.STREAM_TAG -> {
        if (tag.path("importPolicy").path("scheduled").asBoolean(false)) {
          errors.add(
              FieldError.invalid(
                  path + ".importPolicy.scheduled",
                  "true",
                  "only tags pointing to Docker repositories may be scheduled for background"
                      + " import"));
        }
      }
      default ->
          errors.add(
              FieldError.required(
                  path + ".from.kind",
                  "valid values are 'DockerImage', 'ImageStreamImage', 'ImageStreamTag'"));
    }
    return errors;
  }

  private static Optional<FieldError> pullSpec(String path, String text) {
    try {
      PullSpec.parse(text);
      return Optional.empty();
    } catch (OciException e) {
      return Optional.of(FieldError.invalid(path, text, e.message()));
    }
  }

  private static List<FieldError> importPolicy(JsonNode policy, String path) {
    String mode = policy.path("importMode").asString("");
    return ImportMode.of(mode).isPresent()
        ? List.of()
        : List.of(
            FieldError.invalid(
                path + ".importMode",
                mode,
                "invalid import mode, valid modes are '', 'Legacy', 'PreserveOriginal'"));
  }

  /** Returns the errors in an {@code ImageStreamImport} that a client sent. */
  static List<FieldError> imports(JsonNode json) {
    var errors = new ArrayList<FieldError>();
    JsonNode images = json.path("spec").path("images");
    if (images.size() > MOST_IMAGES) {
      return List.of(
          FieldError.invalid(
              "spec.images",
              Integer.toString(images.size()),
              "at most " + MOST_IMAGES + " images can be imported at once"));
    }
    for (int i = 0; i < images.size(); i++) {
      errors.addAll(image(images.get(i), "spec.images[" + i + "]"));
    }
    JsonNode repository = json.path("spec").path("repository");
    if (repository.isObject()) {
      errors.addAll(wholeRepository(repository));
    }
    if (images.isEmpty() && !repository.isObject()) {
      errors.add(
          FieldError.invalid(
              "spec.images", "null", "you must specify at least one image or a repository import"));
    }
    return errors;
  }

  private static List<FieldError> image(JsonNode image, String path) {
    var errors = new ArrayList<FieldError>();
    String name = image.path("from").path("name").asString("");
    if (!isDockerImage(image)) {
      errors.add(notDockerImage(image, path));
    } else {
      if (image.path("to").isObject() && image.path("to").path("name").asString("").isEmpty()) {
        errors.add(
            FieldError.invalid(
                path + ".to.name", "", "the name of the target tag must be specified"));
      }
      if (name.isEmpty()) {
        errors.add(FieldError.required(path + ".from.name", ""));
      } else {
        pullSpec(path + ".from.name", name).ifPresent(errors::add);
      }
    }
    errors.addAll(importPolicy(image.path("importPolicy"), path + ".importPolicy"));
    return errors;
  }

  private static List<FieldError> wholeRepository(JsonNode repository) {
    var errors = new ArrayList<FieldError>();
    String path = "spec.repository";
    String name = repository.path("from").path("name").asString("");
    if (!isDockerImage(repository)) {
      errors.add(notDockerImage(repository, path));
    } else if (name.isEmpty()) {
      errors.add(
          FieldError.required(path + ".from.name", "container image references require a name"));
    } else {
      Optional<FieldError> wrong = pullSpec(path + ".from.name", name);
      wrong.ifPresent(errors::add);
      if (wrong.isEmpty() && !PullSpec.parse(name).equals(PullSpec.parse(name).bare())) {
        errors.add(
            FieldError.invalid(
                path + ".from.name",
                name,
                "you must specify an image repository, not a tag or ID"));
      }
    }
    errors.addAll(importPolicy(repository.path("importPolicy"), path + ".importPolicy"));
    return errors;
  }

  private static boolean isDockerImage(JsonNode json) {
    return json.path("from").path("kind").asString("").equals(SourceReference.DOCKER_IMAGE);
  }

  private static FieldError notDockerImage(JsonNode json, String path) {
    return FieldError.invalid(
        path + ".from.kind",
        json.path("from").path("kind").asString(""),
        "only DockerImage is supported");
  }
}
