package dev.cistern.server.cli.objects;

import dev.cistern.server.objects.Meta;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import tools.jackson.databind.node.ObjectNode;

/**
 * The request of {@code oc tag} to set tags to a source.
 *
 * @param kind the kind of the source: DockerImage, ImageStreamTag or ImageStreamImage
 * @param namespace the namespace of the command
 */
public record TagRequest(
    String kind, DockerImageReference source, String namespace, TagOptions options) {
  private static final String DOCKER_IMAGE = "DockerImage";
  private static final String STREAM_TAG = "ImageStreamTag";
  private static final String STREAM_IMAGE = "ImageStreamImage";
  private static final Pattern TAG = Pattern.compile("\\w[\\w.-]{0,127}");
  private static final Set<String> KINDS =
      Set.of("imagestreamtag", "istag", "imagestreamimage", "isimage", "docker", "dockerimage");

  /**
   * Parses the source of a tag.
   *
   * @param hint the kind of the source; "" to derive it from the form of the source
   * @throws ObjectException if the source is invalid
   */
  public static TagRequest parse(String source, String hint, String namespace, TagOptions options) {
    String kind = kind(hint);
    DockerImageReference reference;
    try {
      reference = DockerImageReference.parse(source);
    } catch (ObjectException e) {
      throw new ObjectException("invalid SOURCE: " + e.getMessage());
    }
    if (kind.isEmpty()) {
      return new TagRequest(looks(reference), reference, namespace, options);
    }
    if (!kind.equals(DOCKER_IMAGE)) {
      if (!reference.registry().isEmpty()) {
        throw new ObjectException(
            "server in SOURCE is only allowed when providing a container image");
      }
      if (reference.namespace().equals("library")) {
        reference = reference.in(namespace);
      }
    }
    if (kind.equals(STREAM_TAG) && reference.tag().isEmpty()) {
      throw new ObjectException("--source=ImageStreamTag requires a valid <name>:<tag> in SOURCE");
    }
    if (kind.equals(STREAM_IMAGE) && reference.digest().isEmpty()) {
      throw new ObjectException("--source=ImageStreamImage requires a valid <name>@<id> in SOURCE");
    }
    return new TagRequest(kind, reference, namespace, options);
  }

  private static String kind(String hint) {
    return switch (hint.toLowerCase(Locale.ROOT)) {
      case "" -> "";
      case "imagestreamtag", "imagestreamtags", "istag" -> STREAM_TAG;
      case "imagestreamimage", "imagestreamimages", "isimage" -> STREAM_IMAGE;
      case "docker", "dockerimage" -> DOCKER_IMAGE;
      default ->
          throw new ObjectException(
              "invalid source %s; valid values are %s"
                  .formatted(Quoted.of(hint), String.join(", ", new TreeSet<>(KINDS))));
    };
  }

  private static String looks(DockerImageReference reference) {
    if (!reference.registry().isEmpty()) {
      return DOCKER_IMAGE;
    }
    if (!reference.digest().isEmpty()) {
      return STREAM_IMAGE;
    }
    return reference.tag().isEmpty() ? DOCKER_IMAGE : STREAM_TAG;
  }

  /**
   * Returns whether the tag gets the current image of another tag, whose stream must be read for
   * this.
   */
  public boolean needsStream() {
    return kind.equals(STREAM_TAG) && !options.isAlias();
  }

  /** Returns the namespace of the source's stream. */
  public String sourceNamespace() {
    return source.namespace().isEmpty() ? namespace : source.namespace();
  }

  /**
   * Returns this request with the current image of the source.
   *
   * @param text the source as written, for messages
   */
  public TagRequest resolved(ObjectNode stream, String text) {
    var item = new StreamTags(stream).status(source.tag()).path("items").path(0);
    if (item.isMissingNode()) {
      throw new ObjectException(
          Quoted.of(text)
              + " is not currently pointing to an image, cannot use it as the source of a tag");
    }
    String image = item.path("image").asString("");
    return image.isEmpty()
        ? new TagRequest(
            DOCKER_IMAGE,
            DockerImageReference.parse(item.path("dockerImageReference").asString("")),
            namespace,
            options)
        : new TagRequest(STREAM_IMAGE, source.withDigest(image), namespace, options);
  }

  /**
   * Rejects combinations that the server would not accept.
   *
   * @throws ObjectException if options, source and destinations do not fit together
   */
  public void check(Iterable<TagName> destinations) {
    boolean hasImport = options.isScheduled() || options.isInsecure();
    if (!kind.equals(DOCKER_IMAGE) && hasImport) {
      throw new ObjectException("only container images can have importing flags set");
    }
    if (!options.isAlias()) {
      return;
    }
    if (hasImport) {
      throw new ObjectException(
          "cannot set a container image tag as an alias and also set import flags");
    }
    for (TagName destination : destinations) {
      if (!destination.namespace().equals(namespace)
          || !destination.stream().equals(source.name())) {
        throw new ObjectException("cannot set alias across different Image Streams");
      }
    }
  }

  /** Returns the {@code ImageStreamTag} to send for a destination. */
  public ObjectNode imageStreamTag(TagName to) {
    if (!TAG.matcher(to.tag()).matches()) {
      throw new ObjectException(
          ("invalid tag %s format, tags must start with an alphanumeric character followed by"
                  + " alphanumeric, '.' or '-' characters, and have a maximum of 128 characters")
              .formatted(Quoted.of(to.tag())));
    }
    ObjectNode object = Meta.empty(ImageKinds.TAG);
    Meta.of(object).put("name", to.toString()).put("namespace", to.namespace());
    ObjectNode tag = object.putObject("tag").put("name", to.tag());
    ObjectNode from = tag.putObject("from").put("kind", kind);
    if (kind.equals(DOCKER_IMAGE)) {
      from.put("name", source.exact());
      tag.put("generation", 0);
    } else {
      from.put("name", source.nameString());
      boolean isElsewhere = !to.namespace().equals(namespace);
      if (!source.namespace().isEmpty() || isElsewhere) {
        from.put("namespace", sourceNamespace());
      }
    }
    if (options.isReference()) {
      tag.put("reference", true);
    }
    ObjectNode policy = tag.putObject("importPolicy").put("importMode", options.mode());
    if (options.isInsecure()) {
      policy.put("insecure", true);
    }
    if (options.isScheduled()) {
      policy.put("scheduled", true);
    }
    tag.putObject("referencePolicy").put("type", options.policy());
    return object;
  }

  /** Returns the message after a destination was set. */
  public String done(TagName to) {
    boolean isHere = to.namespace().equals(namespace);
    String what = "Tag " + (isHere ? "" : to.namespace() + "/") + to;
    String from = source.exact();
    if (options.isAlias()) {
      return what + " set up to track " + from + ".";
    }
    if (options.isScheduled()) {
      return what + (isHere ? " set to import " : " set to ") + from + " periodically.";
    }
    return what + " set to " + from + ".";
  }
}
