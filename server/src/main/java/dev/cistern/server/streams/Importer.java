package dev.cistern.server.streams;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import dev.cistern.mirror.Mirror;
import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import dev.cistern.server.objects.ApiException;
import dev.cistern.server.objects.ClusterObjects;
import dev.cistern.server.objects.FieldError;
import dev.cistern.server.objects.Kinds;
import dev.cistern.server.objects.Meta;
import dev.cistern.server.objects.ResourceType;
import dev.cistern.server.streams.ImportRequest.Wanted;
import dev.cistern.storage.ObjectEdit;
import java.io.IOException;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.stream.Stream;
import tools.jackson.databind.node.ObjectNode;

/**
 * Imports of images from upstreams into streams, of single tags or whole repositories ({@code
 * ImageStreamImport}).
 *
 * <p>One change of the stream contains all results of an import. If there are more new images than
 * one change may contain, the others are stored before it.
 */
public final class Importer {
  private static final int AT_ONCE = 6;
  private static final int MAX_IMAGES_PER_CHANGE = 100;
  private static final int MOST_SEEN = 100_000;

  /** Maximum length of the objects of all images of an import, in characters of JSON. */
  private static final long MOST_BYTES = 16 << 20;

  private static final ResourceType STREAM =
      ResourceType.namespaced("image.openshift.io", "v1", "imagestream", "ImageStream");
  private static final ResourceType IMPORT =
      ResourceType.namespaced(
          "image.openshift.io", "v1", "imagestreamimports", "ImageStreamImport");

  private final Streams streams;
  private final Fetcher fetcher;
  private final InstantSource clock;
  private final int mostTags;

  /** The last import of each scheduled tag. */
  private final Cache<String, Seen> seen =
      Caffeine.newBuilder().maximumSize(MOST_SEEN).executor(Runnable::run).build();

  /**
   * @param mostTags the maximum number of tags that are imported of a whole repository; -1 for all
   */
  public Importer(Streams streams, Mirror mirror, InstantSource clock, int mostTags) {
    this.streams = streams;
    this.fetcher = new Fetcher(mirror);
    this.clock = clock;
    this.mostTags = mostTags;
  }

  /**
   * The digest that the upstream reported for a tag, and the imported image, such as a child of
   * that index.
   */
  private record Seen(Digest upstream, String image) {}

  /** The result for a repository: images in order, tags that were left out, or the failure. */
  record Repository(
      List<Imported> images, List<String> additional, Optional<ApiException> failure) {}

  /**
   * The result of an import.
   *
   * @param stream the stored stream; empty if nothing had to be stored
   */
  record Result(
      List<Imported> images, Optional<Repository> repository, Optional<ImageStream> stream) {
    boolean isFailed() {
      return repository.flatMap(Repository::failure).isPresent()
          || all().anyMatch(image -> image.failure().isPresent());
    }

    private Stream<Imported> all() {
      return Stream.concat(
          images.stream(), repository.stream().flatMap(whole -> whole.images().stream()));
    }
  }

  /**
   * Runs the import that a client requested.
   *
   * @param json the {@code ImageStreamImport} as the client sent it
   * @return the same object with its status
   * @throws ApiException if the request is invalid, or the stream has changed since it was read
   */
  public ObjectNode run(String namespace, ObjectNode json) throws IOException {
    String name = Meta.name(json);
    var errors = new ArrayList<FieldError>(StreamCheck.imports(json));
    errors.addAll(StreamCheck.name(namespace, name));
    if (!errors.isEmpty()) {
      throw ApiException.invalid(IMPORT, name, errors);
    }
    Result result = run(ImportRequest.of(namespace, json));
    ObjectNode answer = Meta.ordered(IMPORT, json.deepCopy());
    ObjectNode status = answer.putObject("status");
    result.stream().ifPresent(stream -> status.set("import", stream.json()));
    var report = new ImportReport(streams.objects());
    status.set("images", report.images(result.images()));
    result.repository().ifPresent(found -> status.set("repository", report.repository(found)));
    return answer;
  }

  /**
   * Runs an import that was validated.
   *
   * @throws ApiException if the stream or its namespace does not exist, or the stream has changed
   */
  Result run(ImportRequest request) throws IOException {
    Optional<ImageStream> there = streams.find(request.namespace(), request.name());
    requireSame(request, there);
    if (there.isEmpty() && !streams.objects().hasNamespace(request.namespace())) {
      throw ApiException.notFound(Kinds.NAMESPACE, request.namespace());
    }
    RepositoryName into =
        Streams.repository(request.namespace(), request.name())
            .orElseThrow(() -> ApiException.badRequest("no repository can have this name"));
    List<Imported> images = fetchAll(request.images(), there, into, request.isKept());
    Optional<Repository> repository = Optional.empty();
    if (request.repository().isPresent()) {
      repository =
          Optional.of(repository(request.repository().get(), there, into, request.isKept()));
    }
    var result = new Result(images, repository, Optional.empty());
    return request.isKept()
        ? new Result(images, repository, Optional.of(store(request, result)))
        : result;
  }

  /** Returns the current digest of a tag's source, if that is a tag and its upstream reports it. */
  Optional<Digest> upstream(ImageStream stream, SpecTag tag) throws IOException {
    PullSpec from = PullSpec.parse(tag.importedFrom().orElseThrow());
    Optional<RepositoryName> into = Streams.repository(stream.namespace(), stream.name());
    return into.isEmpty() || from.digest().isPresent()
        ? Optional.empty()
        : fetcher.digest(
            wish(into.get(), from, stream.policy(tag.importPolicy()), Map.of(), false));
  }

  /**
   * Returns whether the last import of a tag succeeded, and the upstream still reports the digest
   * of that import.
   */
  boolean isUnchanged(ImageStream stream, SpecTag tag, Digest upstream) {
    String image = stream.latest(tag.name()).map(TagEvent::image).orElse("");
    return stream.history(tag.name()).conditions().isEmpty()
        && (image.equals(upstream.toString())
            || new Seen(upstream, image).equals(seen.getIfPresent(key(stream, tag))));
  }

  /** Records the import of a tag whose result is stored in the stream. */
  void imported(ImageStream stream, SpecTag tag, Digest upstream) {
    streams
        .find(stream.namespace(), stream.name())
        .flatMap(now -> now.latest(tag.name()))
        .ifPresent(event -> seen.put(key(stream, tag), new Seen(upstream, event.image())));
  }

  private static String key(ImageStream stream, SpecTag tag) {
    return stream.uid() + " " + tag.name();
  }

  private static void requireSame(ImportRequest request, Optional<ImageStream> there) {
    String name = request.name();
    String revision = request.revision();
    String uid = request.uid();
    if (there.isEmpty()) {
      if (!revision.isEmpty() || !uid.isEmpty()) {
        throw ApiException.notFound(Kinds.IMAGE_STREAM, name);
      }
      return;
    }
    if (!revision.isEmpty() && !revision.equals(there.get().resourceVersion())) {
      throw ApiException.conflict(
          STREAM,
          name,
          "the image stream was updated from \"%s\" to \"%s\""
              .formatted(revision, there.get().resourceVersion()));
    }
    if (!uid.isEmpty() && !uid.equals(there.get().uid())) {
      throw ApiException.notFound(STREAM, name);
    }
  }

  /** Fetches images concurrently, up to a fixed number at a time. */
  private List<Imported> fetchAll(
      List<Wanted> wishes, Optional<ImageStream> there, RepositoryName into, boolean isKept)
      throws IOException {
    var turns = new Semaphore(AT_ONCE);
    var coming = new ArrayList<Future<Imported>>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (Wanted wish : wishes) {
        coming.add(
            threads.submit(() -> {
              turns.acquire();
              try {
                return fetch(wish, there, into, isKept);
              } finally {
                turns.release();
              }
            }));
      }
      var images = new ArrayList<Imported>();
      long left = MOST_BYTES;
      for (Future<Imported> one : coming) {
        Imported image = one.get();
        left -= image.bytes();
        images.add(
            left >= 0
                ? image
                : Imported.failed(
                    image.tag(),
                    image.from(),
                    ApiException.badRequest("it is too much for one import: import it alone")));
      }
      return images;
    } catch (ExecutionException e) {
      throw new IOException("the import broke: " + e.getCause(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("the server is stopping", e);
    }
  }

  private Imported fetch(
      Wanted wish, Optional<ImageStream> there, RepositoryName into, boolean isKept)
      throws IOException {
    String tag = wish.tag().isEmpty() ? wish.from().tagOrLatest().name() : wish.tag();
    Map<String, String> annotations =
        there.map(stream -> stream.tags().get(tag)).map(SpecTag::annotations).orElse(Map.of());
    return fetcher.fetch(wish.tag(), wish(into, wish.from(), wish.policy(), annotations, isKept));
  }

  private Fetcher.Wish wish(
      RepositoryName into,
      PullSpec from,
      ImportPolicy policy,
      Map<String, String> annotations,
      boolean isKept) {
    return new Fetcher.Wish(
        into,
        from,
        policy,
        annotations.getOrDefault("importer.image.openshift.io/prefer-os", ""),
        annotations.getOrDefault("importer.image.openshift.io/prefer-arch", ""),
        isKept,
        clock.instant());
  }

  private Repository repository(
      Wanted whole, Optional<ImageStream> there, RepositoryName into, boolean isKept)
      throws IOException {
    try {
      List<String> tags =
          TagOrder.sorted(
              fetcher.tags(wish(into, whole.from(), whole.policy(), Map.of(), isKept)).stream()
                  .filter(Tag::isTag)
                  .distinct()
                  .toList());
      int count = mostTags < 0 ? tags.size() : Math.min(mostTags, tags.size());
      List<Wanted> wishes = tags.subList(0, count).stream().map(whole::of).toList();
      return new Repository(
          fetchAll(wishes, there, into, isKept),
          tags.subList(count, tags.size()),
          Optional.empty());
    } catch (ApiException e) {
      return new Repository(List.of(), List.of(), Optional.of(e));
    }
  }

  /** Stores all results, and returns the changed stream. */
  private ImageStream store(ImportRequest request, Result result) throws IOException {
    Instant now = clock.instant();
    createMost(result);
    return streams.change(
        request.namespace(),
        request.name(),
        before -> {
          requireSame(request, before);
          ImageStream start =
              before.orElseGet(() -> ImageStream.empty(request.namespace(), request.name()));
          ImageStream stream = start;
          if (result.repository().isPresent()) {
            Wanted whole = request.repository().orElseThrow();
            for (Imported one : result.repository().get().images()) {
              stream = imported(stream, whole.of(one.tag()), one, now);
            }
          }
          for (int i = 0; i < result.images().size(); i++) {
            Wanted wish = request.images().get(i);
            if (wish.isTarget()) {
              stream = imported(stream, wish, result.images().get(i), now);
            }
          }
          stream = stream.annotated(ImageStream.CHECKED, Meta.time(now));
          ImageStream changed = finished(before, start, stream, now);
          return new Streams.Changed(changed, creations(result));
        });
  }

  private ImageStream finished(
      Optional<ImageStream> before, ImageStream start, ImageStream stream, Instant now) {
    if (before.isEmpty()) {
      var tags = new LinkedHashMap<String, SpecTag>();
      stream.tags().values().forEach(tag -> tags.put(tag.name(), tag.at(1)));
      return stream.withTags(tags).at(1);
    }
    var none =
        new Retagging.Others() {
          @Override
          public Optional<ImageStream> find(String namespace, String name) {
            return streams.find(namespace, name);
          }

          @Override
          public boolean mayPull(String namespace) {
            return true; // an import copies no tags of other namespaces
          }

          @Override
          public Set<String> children(String image) {
            return Set.of(); // nor images of its own stream
          }
        };
    return new Retagging(none, now, "").changed(start, stream).stream();
  }

  /** Returns a stream with the result of one image of an import. */
  private static ImageStream imported(
      ImageStream stream, Wanted wish, Imported image, Instant now) {
    String tag = wish.tag();
    long generation = stream.generation() + 1;
    if (image.failure().isPresent()) {
      return specified(failed(stream, tag, image.failure().get(), generation, now), wish, false);
    }
    var event =
        new TagEvent(
            now,
            image.image().orElseThrow().path("dockerImageReference").asString(""),
            image.digest(),
            generation);
    ImageStream result = stream;
    if (isNews(stream, tag, event)) {
      result = specified(result, wish, true);
      result = result.with(tag, result.history(tag).and(event));
    }
    SpecTag spec = result.tags().get(tag);
    if (spec != null) {
      result = result.with(spec.with(wish.policy()));
    }
    return result.with(tag, result.history(tag).failing(List.of()));
  }

  private static boolean isNews(ImageStream stream, String tag, TagEvent event) {
    Optional<TagEvent> last = stream.latest(tag);
    SpecTag spec = stream.tags().get(tag);
    if (last.isEmpty() || spec == null || spec.generation().isEmpty()) {
      return true;
    }
    return !last.get().reference().equals(event.reference())
        || !last.get().image().equals(event.image())
        || spec.generation().getAsLong() > last.get().generation();
  }

  /**
   * Returns a stream whose spec tag has the imported image as its source. An existing spec tag
   * changes only if {@code isReset}.
   */
  private static ImageStream specified(ImageStream stream, Wanted wish, boolean isReset) {
    SpecTag there = stream.tags().get(wish.tag());
    if (there != null && !isReset) {
      return stream;
    }
    return stream.with(
        new SpecTag(
            wish.tag(),
            there == null ? Map.of() : there.annotations(),
            Optional.of(
                new SourceReference(SourceReference.DOCKER_IMAGE, "", wish.from().toString())),
            false,
            OptionalLong.of(0),
            wish.policy(),
            there == null ? wish.isLocal() : there.isLocal()));
  }

  private static ImageStream failed(
      ImageStream stream, String tag, ApiException why, long generation, Instant now) {
    var condition = new TagCondition(why.reason().word(), why.message(), generation, now);
    TagHistory history = stream.history(tag);
    TagCondition told =
        history.conditions().stream()
            .filter(condition::isLike)
            .findFirst()
            .map(before -> condition.since(before.since()))
            .orElse(condition);
    ImageStream result = stream.with(tag, history.failing(List.of(told)));
    SpecTag spec = result.tags().get(tag);
    return spec == null ? result : result.with(spec.at(0));
  }

  /**
   * Stores new images before the change that names them, if there are too many for one change. No
   * stream shows an image that it does not name, and such an image is pruned when it is old.
   */
  private void createMost(Result result) throws IOException {
    List<ObjectEdit> images = creations(result);
    for (int from = 0;
        images.size() - from > MAX_IMAGES_PER_CHANGE;
        from += MAX_IMAGES_PER_CHANGE) {
      streams.objects().change(Kinds.IMAGE, images.subList(from, from + MAX_IMAGES_PER_CHANGE));
    }
  }

  /** Returns the edits that store the new images. */
  private List<ObjectEdit> creations(Result result) {
    var edits = new LinkedHashMap<String, ObjectEdit>();
    result
        .all()
        .forEach(one -> {
          one.children().forEach(child -> create(child, edits));
          one.image().ifPresent(image -> create(image, edits));
        });
    return List.copyOf(edits.values());
  }

  private void create(ObjectNode image, Map<String, ObjectEdit> edits) {
    String digest = Meta.name(image);
    boolean isThere = !streams.objects().revisionOf(Kinds.IMAGE.name("", digest)).isEmpty();
    if (!isThere) {
      edits.putIfAbsent(
          digest,
          ClusterObjects.creation(Kinds.IMAGE, streams.objects().born(Kinds.IMAGE, "", image)));
    }
  }
}
