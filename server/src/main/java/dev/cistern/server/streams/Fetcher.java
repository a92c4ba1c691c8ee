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
 * Source of images for imports, which fetches them from upstreams through mirror sets and with the
 * namespace's pull secrets. It returns {@code Image} objects, or failures with OpenShift's
 * messages. Blocking.
 */
final class Fetcher {
  private static final ResourceType DOCKER_IMAGE =
      ResourceType.ofCluster("image.openshift.io", "v1", "dockerimage", "DockerImage");
  private static final Platform USUAL = new Platform("linux", "amd64", "");
  private static final Platform OWN = own();
  private static final int DEEPEST = 4;
  private static final int MOST_CHILDREN = 200;

  /** Maximum length of the objects of an image and all its children, in characters of JSON. */
  private static final int MOST_BYTES = 2 << 20;

  private final Mirror mirror;

  Fetcher(Mirror mirror) {
    this.mirror = mirror;
  }

  /**
   * One image to fetch.
   *
   * @param into the repository that stores it; the pull secrets of its namespace are used
   * @param preferredOs the operating system of the image to choose from an index; may be empty
   * @param preferredArchitecture the architecture of the image to choose from an index; may be
   *     empty
   * @param isKept whether manifests are stored
   * @param now the time of the import for the objects of indexes
   */
  record Wish(
      RepositoryName into,
      PullSpec from,
      ImportPolicy policy,
      String preferredOs,
      String preferredArchitecture,
      boolean isKept,
      Instant now) {}

  /** Fetches an image with its children; the result contains the failure, if there is one. */
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

  /**
   * Fetches the requested manifest. In {@link ImportMode#LEGACY}, this is one image of an index.
   */
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

  /**
   * Returns the location for the children of a manifest, which uses the same sources as the
   * manifest.
   */
  private static Location named(Location location) {
    return location.byDigest(() -> true);
  }

  /** The descendants of an index, each once. */
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

    /** Fetches and describes all descendants; a missing one fails the whole import. */
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

  /** Returns the image to take from an index; empty if none of its manifests has a platform. */
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

  /**
   * Returns the current digest of a tag, if the upstream reports it without sending the manifest.
   */
  Optional<Digest> digest(Wish wish) throws IOException {
    try {
      Answer<Optional<Digest>> answer =
          mirror.imports(false).digest(location(wish), wish.from().tagOrLatest());
      return answer instanceof Answer.Found<Optional<Digest>>(Optional<Digest> digest)
          ? digest
          : Optional.empty();
    } catch (ApiException e) {
      return Optional.empty(); // the import that follows reports the failure
    }
  }

  /**
   * Returns all tags of a repository.
   *
   * @throws ApiException if they cannot be listed
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
