package dev.cistern.server.streams;

import dev.cistern.mirror.Fetched;
import dev.cistern.mirror.Import;
import dev.cistern.mirror.Mirror;
import dev.cistern.mirror.rules.Location;
import dev.cistern.mirror.upstream.Answer;
import dev.cistern.oci.Descriptor;
import dev.cistern.oci.Digest;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.Manifest;
import dev.cistern.oci.OciException;
import dev.cistern.oci.Platform;
import dev.cistern.oci.Reference;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import dev.cistern.server.objects.ApiException;
import dev.cistern.server.objects.ResourceType;
import java.io.IOException;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;
import tools.jackson.databind.node.ObjectNode;

/**
 * Asks upstreams for images, by mirror sets and the namespace's pull secrets, and says what they
 * are. What goes wrong is said in OpenShift's words. Blocking.
 */
final class Fetcher {
  private static final ResourceType DOCKER_IMAGE =
      ResourceType.ofCluster("image.openshift.io", "v1", "dockerimage", "DockerImage");
  private static final Platform USUAL = new Platform("linux", "amd64", "");
  private static final Platform OWN = own();
  private static final int DEEPEST = 3;

  private final Mirror mirror;
  private final InstantSource clock;

  Fetcher(Mirror mirror, InstantSource clock) {
    this.mirror = mirror;
    this.clock = clock;
  }

  /**
   * What is wanted.
   *
   * @param into the repository that keeps it; its namespace's secrets are presented
   * @param preferredOs of an index of which one image is taken; may be empty, as the next
   * @param isKept whether manifests are kept
   */
  record Wish(
      RepositoryName into,
      PullSpec from,
      ImportPolicy policy,
      String preferredOs,
      String preferredArchitecture,
      boolean isKept) {}

  /** Returns what there is. */
  Imported fetch(String tag, Wish wish) throws IOException {
    try {
      Location location = location(wish);
      Reference reference =
          wish.from().digest().isPresent() ? wish.from().digest().get() : wish.from().tagOrLatest();
      PullSpec asked =
          reference instanceof Digest digest
              ? wish.from().with(digest)
              : wish.from().with((Tag) reference);
      Import imports = mirror.imports(wish.isKept());
      Fetched fetched = found(imports.manifest(location, reference), asked, wish.policy());
      if (fetched.manifest() instanceof Manifest.Index index
          && wish.policy().mode() == ImportMode.LEGACY) {
        Optional<Digest> one = chosen(index, wish);
        if (one.isPresent()) {
          fetched = found(imports.manifest(location, one.get()), asked, wish.policy());
        }
      }
      var children = new ArrayList<ObjectNode>();
      children(imports, location, wish, fetched.manifest(), children, 0);
      return Imported.of(tag, wish.from(), described(imports, location, wish, fetched), children);
    } catch (ApiException e) {
      return Imported.failed(tag, wish.from(), e);
    }
  }

  /** Brings what an index names, and says what it is; one that is missing fails them all. */
  private void children(
      Import imports,
      Location location,
      Wish wish,
      Manifest manifest,
      List<ObjectNode> children,
      int depth)
      throws IOException {
    for (Descriptor child : manifest.children().toList()) {
      PullSpec spec = wish.from().with(child.digest());
      Fetched fetched = found(imports.manifest(location, child.digest()), spec, wish.policy());
      if (depth < DEEPEST) {
        children(imports, location, wish, fetched.manifest(), children, depth + 1);
      }
      children.add(described(imports, location, wish, fetched));
    }
  }

  private ObjectNode described(Import imports, Location location, Wish wish, Fetched fetched)
      throws IOException {
    PullSpec spec = wish.from().with(fetched.stored().digest());
    Optional<byte[]> config = Optional.empty();
    if (fetched.manifest() instanceof Manifest.Image image) {
      config =
          Optional.of(
              found(
                  imports.blob(location, image.config(), ImageObject.MOST_CONFIG_BYTES),
                  spec,
                  wish.policy()));
    }
    return ImageObject.of(fetched, spec.toString(), config, clock.instant());
  }

  /** Returns which image is taken of an index; none of one whose items have no platforms. */
  private static Optional<Digest> chosen(Manifest.Index index, Wish wish) {
    List<Descriptor> images =
        index.manifests().stream()
            .filter(child -> child.platform().isPresent() && child.mediaType().isManifest())
            .toList();
    var preferred =
        new Platform(
            wish.preferredOs().isEmpty() ? OWN.os() : wish.preferredOs(),
            wish.preferredArchitecture().isEmpty()
                ? OWN.architecture()
                : wish.preferredArchitecture(),
            "");
    return Stream.of(preferred, USUAL)
        .map(wanted -> first(images, child -> child.platform().orElseThrow().is(wanted)))
        .flatMap(Optional::stream)
        .findFirst()
        .or(() -> first(images, child -> true));
  }

  private static Optional<Digest> first(List<Descriptor> images, Predicate<Descriptor> wanted) {
    return images.stream().filter(wanted).map(Descriptor::digest).findFirst();
  }

  private static Platform own() {
    String machine = System.getProperty("os.arch", "");
    String architecture =
        switch (machine) {
          case "aarch64" -> "arm64";
          case "x86_64" -> "amd64";
          default -> machine;
        };
    return new Platform("linux", architecture, "");
  }

  /** Returns the digest that a tag has now, if its upstream says so without the manifest. */
  Optional<Digest> digest(Wish wish) throws IOException {
    try {
      Answer<Optional<Digest>> answer =
          mirror.imports(false).digest(location(wish), wish.from().tagOrLatest());
      return answer instanceof Answer.Found<Optional<Digest>>(Optional<Digest> digest)
          ? digest
          : Optional.empty();
    } catch (ApiException e) {
      return Optional.empty(); // what is wrong is said when all of it is asked for
    }
  }

  /**
   * Returns all tags of a repository.
   *
   * @throws ApiException if they are not to be had
   */
  List<String> tags(Wish wish) throws IOException {
    return found(mirror.imports(false).tags(location(wish)), wish.from(), wish.policy());
  }

  private Location location(Wish wish) {
    Location location;
    try {
      location =
          mirror.locateImport(
              wish.into(), wish.from().host(), wish.from().repository(), wish.policy().insecure());
    } catch (OciException e) {
      if (e.code() == ErrorCode.NAME_UNKNOWN) {
        throw forbidden(
            "registry "
                + wish.from().host()
                + " is not known here: add it under upstreams in the configuration");
      }
      throw e;
    }
    if (location.sources().isEmpty()) {
      throw forbidden("registry " + wish.from().host() + " blocked");
    }
    return location;
  }

  private static ApiException forbidden(String why) {
    return new ApiException(ApiException.Reason.FORBIDDEN, "forbidden: " + why);
  }

  private static <T> T found(Answer<T> answer, PullSpec asked, ImportPolicy policy) {
    return switch (answer) {
      case Answer.Found<T>(T value) -> value;
      case Answer.Missing<T> missing -> throw ApiException.notFound(DOCKER_IMAGE, "" + asked);
      case Answer.Refused<T> refused ->
          throw new ApiException(
              ApiException.Reason.UNAUTHORIZED,
              "you may not have access to the container image \"" + asked + "\"");
      case Answer.Circle<T> circle -> throw internal(asked + ": it would ask this server");
      case Answer.Throttled<T> throttled ->
          throw new ApiException(
              ApiException.Reason.TOO_MANY_REQUESTS, asked + ": the registry throttles us");
      case Answer.Unreachable<T> unreachable -> {
        if (unreachable.reason().equals(Answer.PLAIN_HTTP) && !policy.insecure()) {
          throw ApiException.badRequest(
              "the repository "
                  + asked.repository()
                  + " is HTTP only and requires the insecure flag to import");
        }
        throw internal(asked + ": " + unreachable.reason());
      }
    };
  }

  private static ApiException internal(String why) {
    return new ApiException(ApiException.Reason.INTERNAL, "Internal error occurred: " + why);
  }
}
