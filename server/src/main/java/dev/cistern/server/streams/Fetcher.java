package dev.cistern.server.streams;

import dev.cistern.mirror.Import;
import dev.cistern.mirror.Mirror;
import dev.cistern.mirror.ParsedManifest;
import dev.cistern.mirror.rules.Location;
import dev.cistern.mirror.upstream.Answer;
import dev.cistern.oci.Descriptor;
import dev.cistern.oci.Digest;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.Manifest;
import dev.cistern.oci.ManifestWalk;
import dev.cistern.oci.OciException;
import dev.cistern.oci.Platform;
import dev.cistern.oci.Reference;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import dev.cistern.server.objects.ApiException;
import dev.cistern.server.objects.ResourceType;
import java.io.IOException;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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
  private static final int DEEPEST = 4;
  private static final int MOST_CHILDREN = 200;

  /** How much can be said of an image and of all that it names. */
  private static final int MOST_BYTES = 2 << 20;

  private final Mirror mirror;

  Fetcher(Mirror mirror) {
    this.mirror = mirror;
  }

  /**
   * What is wanted.
   *
   * @param into the repository that keeps it; its namespace's secrets are presented
   * @param preferredOs of an index of which one image is taken; may be empty, as the next
   * @param isKept whether manifests are kept
   * @param now when they are imported, as their objects say
   */
  record Wish(
      RepositoryName into,
      PullSpec from,
      ImportPolicy policy,
      String preferredOs,
      String preferredArchitecture,
      boolean isKept,
      Instant now) {}

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
      ParsedManifest fetched = fetched(location, reference, asked, wish);
      var children = new Children(mirror.imports(wish.isKept()), location, wish);
      children.bring(fetched);
      return Imported.of(
          tag, wish.from(), children.described(fetched), List.copyOf(children.objects.values()));
    } catch (ApiException e) {
      return Imported.failed(tag, wish.from(), e);
    } catch (OciException e) {
      if (e.code() != ErrorCode.MANIFEST_INVALID) {
        throw e;
      }
      return Imported.failed(
          tag, wish.from(), new ApiException(ApiException.Reason.INVALID, e.message()));
    }
  }

  /** Brings the image that is meant: of an index one of its images, if one is wanted. */
  private ParsedManifest fetched(Location location, Reference reference, PullSpec asked, Wish wish)
      throws IOException {
    Import keeping = mirror.imports(wish.isKept());
    if (wish.policy().mode() != ImportMode.LEGACY) {
      return found(keeping.manifest(location, reference), asked, wish.policy());
    }
    ParsedManifest first =
        found(mirror.imports(false).manifest(location, reference), asked, wish.policy());
    Optional<Digest> one =
        first.manifest() instanceof Manifest.Index index ? chosen(index, wish) : Optional.empty();
    if (one.isPresent()) {
      return found(keeping.manifest(named(location), one.get()), asked, wish.policy());
    }
    keeping.keep(location, first);
    return first;
  }

  /** Returns where to ask for what a manifest names: whoever was asked for that. */
  private static Location named(Location location) {
    return location.byDigest(() -> true);
  }

  /** What an index names, and what that names, each once. */
  private static final class Children {
    private final Import imports;
    private final Location location;
    private final Wish wish;
    private final Map<Digest, ObjectNode> objects = new LinkedHashMap<>();
    private int left = MOST_BYTES;

    Children(Import imports, Location location, Wish wish) {
      this.imports = imports;
      this.location = named(location);
      this.wish = wish;
    }

    /** Brings them, and says what they are; one that is missing fails them all. */
    void bring(ParsedManifest root) throws IOException {
      ManifestWalk.<IOException>from(
          root.stored().digest(),
          (digest, level) -> {
            ParsedManifest manifest = level == 1 ? root : child(digest);
            return level <= DEEPEST
                ? ManifestWalk.Visit.of(manifest.manifest(), manifest.stored().bytes().length)
                : ManifestWalk.Visit.NOTHING;
          });
    }

    private ParsedManifest child(Digest digest) throws IOException {
      if (objects.size() == MOST_CHILDREN) {
        throw ApiException.badRequest(
            wish.from() + " names more than " + MOST_CHILDREN + " images");
      }
      PullSpec spec = wish.from().with(digest);
      ParsedManifest fetched = found(imports.manifest(location, digest), spec, wish.policy());
      objects.put(digest, described(fetched));
      return fetched;
    }

    ObjectNode described(ParsedManifest fetched) throws IOException {
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
      ObjectNode object = ImageObject.of(fetched, spec.toString(), config, wish.now());
      left -= object.toString().length();
      if (left < 0) {
        throw ApiException.badRequest(
            wish.from() + " says more of itself than " + MOST_BYTES + " bytes");
      }
      return object;
    }
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
      case Answer.Busy<T>(String reason) ->
          throw new ApiException(
              ApiException.Reason.TOO_MANY_REQUESTS, asked + ": " + reason + "; try again");
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
