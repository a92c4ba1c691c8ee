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
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Brings what upstreams say of images into streams: {@code ImageStreamImport}, for whole
 * repositories or single tags. All that comes of one import is stored in one change, or nothing.
 */
public final class Importer {
  private static final int AT_ONCE = 6;
  private static final int MOST_SEEN = 100_000;
  private static final ResourceType STREAM =
      ResourceType.namespaced("image.openshift.io", "v1", "imagestream", "ImageStream");
  private static final ResourceType IMPORT =
      ResourceType.namespaced(
          "image.openshift.io", "v1", "imagestreamimports", "ImageStreamImport");

  private final Streams streams;
  private final Fetcher fetcher;
  private final InstantSource clock;
  private final int mostTags;

  /** The digests that upstreams said tags had when they were imported last. */
  private final Cache<String, Digest> seen =
      Caffeine.newBuilder().maximumSize(MOST_SEEN).executor(Runnable::run).build();

  /**
   * @param mostTags how many of a repository's are imported; -1 for all
   */
  public Importer(Streams streams, Mirror mirror, InstantSource clock, int mostTags) {
    this.streams = streams;
    this.fetcher = new Fetcher(mirror, clock);
    this.clock = clock;
    this.mostTags = mostTags;
  }

  /** What one image of an import is to be. */
  private record Wanted(
      String tag, PullSpec from, ImportPolicy policy, boolean isLocal, boolean isTarget) {}

  /** What came of a repository: images in order, tags that were left out, or why there are none. */
  record Repository(
      List<Imported> images, List<String> additional, Optional<ApiException> failure) {}

  /**
   * Makes an import.
   *
   * @param json the {@code ImageStreamImport}, as it was sent
   * @return it, with what came of it
   * @throws ApiException if it cannot be meant, or the stream was changed meanwhile
   */
  public ObjectNode run(String namespace, ObjectNode json) throws IOException {
    String name = Meta.name(json);
    var errors = new ArrayList<FieldError>(StreamCheck.imports(json));
    errors.addAll(StreamCheck.name(namespace, name));
    if (!errors.isEmpty()) {
      throw ApiException.invalid(IMPORT, name, errors);
    }
    Optional<ImageStream> there = streams.find(namespace, name);
    requireSame(json, name, there);
    if (there.isEmpty() && !streams.objects().hasNamespace(namespace)) {
      throw ApiException.notFound(Kinds.NAMESPACE, namespace);
    }
    RepositoryName into =
        Streams.repository(namespace, name)
            .orElseThrow(() -> ApiException.badRequest("no repository can have this name"));
    boolean isKept = json.path("spec").path("import").asBoolean(false);
    var wishes = new ArrayList<Wanted>();
    json.path("spec").path("images").forEach(image -> wishes.add(wanted(image)));
    List<Imported> images = fetchAll(wishes, there, into, isKept);
    JsonNode whole = json.path("spec").path("repository");
    Optional<Repository> repository =
        whole.isObject() ? Optional.of(repository(whole, there, into, isKept)) : Optional.empty();
    ObjectNode result = Meta.ordered(IMPORT, json.deepCopy());
    ObjectNode status = result.putObject("status");
    if (isKept) {
      store(json, namespace, name, wishes, images, repository, status);
    }
    var report = new ImportReport(streams.objects());
    status.set("images", report.images(images));
    repository.ifPresent(found -> status.set("repository", report.repository(found)));
    return result;
  }

  /**
   * Says whether the image that a tag is imported from is the one that was imported, as far as its
   * upstream says so without giving the manifest.
   */
  boolean isUnchanged(ImageStream stream, SpecTag tag) throws IOException {
    PullSpec from = PullSpec.parse(tag.importedFrom().orElseThrow());
    Optional<RepositoryName> into = Streams.repository(stream.namespace(), stream.name());
    if (into.isEmpty() || from.digest().isPresent()) {
      return false;
    }
    Optional<Digest> now =
        fetcher.digest(new Fetcher.Wish(into.get(), from, tag.importPolicy(), "", "", false));
    if (now.isEmpty()) {
      return false;
    }
    Optional<String> imported = stream.latest(tag.name()).map(TagEvent::image);
    String key = stream.uid() + " " + tag.name();
    boolean isSame =
        stream.history(tag.name()).conditions().isEmpty()
            && (imported.equals(now.map(Digest::toString))
                || now.get().equals(seen.getIfPresent(key)));
    if (!isSame) {
      seen.put(key, now.get());
    }
    return isSame;
  }

  private static void requireSame(ObjectNode json, String name, Optional<ImageStream> there) {
    String revision = Meta.resourceVersion(json);
    String uid = Meta.text(json, "uid");
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

  private static Wanted wanted(JsonNode image) {
    return new Wanted(
        image.path("to").path("name").asString(""),
        PullSpec.parse(image.path("from").path("name").asString("")),
        ImportPolicy.of(image.path("importPolicy")),
        isLocal(image),
        image.path("to").isObject());
  }

  private static boolean isLocal(JsonNode json) {
    return json.path("referencePolicy").path("type").asString("").equals("Local");
  }

  /** Asks for several images at once, but not for many. */
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
      for (Future<Imported> one : coming) {
        images.add(one.get());
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
    return fetcher.fetch(
        wish.tag(),
        new Fetcher.Wish(
            into,
            wish.from(),
            wish.policy(),
            annotations.getOrDefault("importer.image.openshift.io/prefer-os", ""),
            annotations.getOrDefault("importer.image.openshift.io/prefer-arch", ""),
            isKept));
  }

  private Repository repository(
      JsonNode json, Optional<ImageStream> there, RepositoryName into, boolean isKept)
      throws IOException {
    PullSpec from = PullSpec.parse(json.path("from").path("name").asString(""));
    ImportPolicy policy = ImportPolicy.of(json.path("importPolicy"));
    try {
      List<String> tags =
          TagOrder.sorted(
              fetcher.tags(new Fetcher.Wish(into, from, policy, "", "", isKept)).stream()
                  .filter(Tag::isTag)
                  .distinct()
                  .toList());
      int count = mostTags < 0 ? tags.size() : Math.min(mostTags, tags.size());
      List<Wanted> wishes =
          tags.subList(0, count).stream()
              .map(tag -> new Wanted(tag, from.with(new Tag(tag)), policy, isLocal(json), true))
              .toList();
      return new Repository(
          fetchAll(wishes, there, into, isKept),
          tags.subList(count, tags.size()),
          Optional.empty());
    } catch (ApiException e) {
      return new Repository(List.of(), List.of(), Optional.of(e));
    }
  }

  /** Stores all that came of it, and tells the status what the stream is then. */
  private void store(
      ObjectNode json,
      String namespace,
      String name,
      List<Wanted> wishes,
      List<Imported> images,
      Optional<Repository> repository,
      ObjectNode status)
      throws IOException {
    Instant now = clock.instant();
    ImageStream stored =
        streams.change(
            namespace,
            name,
            before -> {
              requireSame(json, name, before);
              ImageStream start = before.orElseGet(() -> ImageStream.empty(namespace, name));
              ImageStream stream = start;
              JsonNode whole = json.path("spec").path("repository");
              if (repository.isPresent()) {
                ImportPolicy policy = ImportPolicy.of(whole.path("importPolicy"));
                for (Imported one : repository.get().images()) {
                  stream =
                      imported(
                          stream,
                          new Wanted(one.tag(), one.from(), policy, isLocal(whole), true),
                          one,
                          now);
                }
              }
              for (int i = 0; i < wishes.size(); i++) {
                if (wishes.get(i).isTarget()) {
                  stream = imported(stream, wishes.get(i), images.get(i), now);
                }
              }
              stream = stream.annotated(ImageStream.CHECKED, Times.text(now));
              ImageStream changed = finished(before, start, stream, now);
              return new Streams.Changed(changed, creations(images, repository));
            });
    status.set("import", stored.json());
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
            return true; // an import sets nothing from other namespaces
          }

          @Override
          public Set<String> children(String image) {
            return Set.of(); // and nothing from images of its own
          }
        };
    return new Retagging(none, now, "").changed(start, stream).stream();
  }

  /** Returns a stream with what came of one image of an import. */
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

  /** Returns a stream whose tag is to come from where it was imported; as it was if it was set. */
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

  /** Returns what is to be done so that the images that are new are stored. */
  private List<ObjectEdit> creations(List<Imported> images, Optional<Repository> repository) {
    var all = new ArrayList<>(images);
    repository.ifPresent(found -> all.addAll(found.images()));
    var edits = new LinkedHashMap<String, ObjectEdit>();
    for (Imported one : all) {
      one.children().forEach(child -> create(child, edits));
      one.image().ifPresent(image -> create(image, edits));
    }
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
