package dev.cistern.server.streams;

import dev.cistern.oci.Digest;
import dev.cistern.oci.ManifestWalk;
import dev.cistern.oci.OciException;
import dev.cistern.oci.RepositoryName;
import dev.cistern.server.objects.ClusterObjects;
import dev.cistern.server.objects.Kinds;
import dev.cistern.server.objects.Meta;
import dev.cistern.storage.PruneTrial;
import dev.cistern.storage.Pruned;
import dev.cistern.storage.Repositories;
import java.io.IOException;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import tools.jackson.databind.node.ObjectNode;

/**
 * Pruner of unused old content: first items of tags, then images without an item, with the content
 * that only these need. The server continues to serve meanwhile.
 *
 * <p>An item stays while it is young, is among the latest of its tag, or its image is in use. An
 * image is in use if it is pinned, or was stored or requested within the keep period. An index that
 * stays keeps all its children. A child that is used on its own keeps itself, and not the index.
 */
public final class Pruner {

  private final Streams streams;
  private final StreamImages images;
  private final ClusterObjects objects;
  private final Repositories repositories;
  private final PruneSettings usual;
  private final InstantSource clock;
  private final ReentrantLock one = new ReentrantLock();

  /**
   * @param usual the default settings
   */
  public Pruner(
      Streams streams, Repositories repositories, PruneSettings usual, InstantSource clock) {
    this.streams = streams;
    this.objects = streams.objects();
    this.images = new StreamImages(objects);
    this.repositories = repositories;
    this.usual = usual;
    this.clock = clock;
  }

  /** Returns the default settings. */
  public PruneSettings usual() {
    return usual;
  }

  /** Receiver of each removal as it is made, or as it would be made by a dry run. */
  public interface Report {
    /** Ignores all removals. */
    Report NONE =
        new Report() {
          @Override
          public void items(String namespace, String name, int count) {}

          @Override
          public void blob(String digest, long bytes) {}

          @Override
          public void image(String digest, long bytes) {}

          @Override
          public void manifest(String repository, String digest) {}
        };

    /** Reports the removal of {@code count} items of a stream. */
    void items(String namespace, String name, int count);

    /** Reports the removal of a blob. */
    void blob(String digest, long bytes);

    /** Reports the removal of an image, which frees {@code bytes} of blobs. */
    void image(String digest, long bytes);

    /** Reports that a repository of a stream no longer links a manifest. */
    void manifest(String repository, String digest);
  }

  /**
   * The number of removals.
   *
   * @param images the number of image objects
   * @param items the number of items of tags
   * @param links the number of links to manifests and blobs
   * @param blobs the number of blobs
   * @param bytes the total size of these blobs
   */
  public record Summary(int images, int items, int links, int blobs, long bytes) {
    /** Returns whether there was nothing to remove. */
    public boolean isEmpty() {
      return images + items + links + blobs == 0;
    }
  }

  /**
   * Prunes. Waits until a prune run or removal that is in progress has ended.
   *
   * @param isTrial whether this is a dry run, which changes nothing
   */
  public Summary run(PruneSettings settings, boolean isTrial, Report report) throws IOException {
    one.lock();
    try {
      streams.guard().begin();
      return isTrial
          ? tried(settings, report)
          : new Run(settings, false, repositories::prune, report).run();
    } finally {
      streams.guard().end();
      one.unlock();
    }
  }

  private Summary tried(PruneSettings settings, Report report) throws IOException {
    try (PruneTrial trial = repositories.pruneTrial()) {
      return new Run(settings, true, trial::prune, report).run();
    }
  }

  /** Removes a manifest from a repository, or returns the result that this would have. */
  private interface Prune {
    Pruned of(RepositoryName repository, Digest manifest, Instant notAfter) throws IOException;
  }

  /** One prune run. */
  private final class Run {
    private final PruneSettings settings;
    private final boolean isTrial;
    private final Prune prune;
    private final Report report;
    private final Instant limit;

    /** Digests that the remaining items name, and all descendants of indexes among them. */
    private final Set<String> named = new HashSet<>();

    private int imageCount;
    private int itemCount;
    private int linkCount;
    private final Map<Digest, Long> blobs = new HashMap<>();

    Run(PruneSettings settings, boolean isTrial, Prune prune, Report report) {
      this.settings = settings;
      this.isTrial = isTrial;
      this.prune = prune;
      this.report = report;
      this.limit = clock.instant().minus(settings.keepYoungerThan());
    }

    Summary run() throws IOException {
      for (ObjectNode json : objects.each(Kinds.IMAGE_STREAM, Optional.empty())) {
        stream(ImageStream.of(json));
      }
      List<String> doomed = doomed();
      int before;
      do { // an image that another one held may be removable now
        before = doomed.size();
        doomed = staying(doomed);
      } while (!doomed.isEmpty() && doomed.size() < before);
      return new Summary(
          imageCount,
          itemCount,
          linkCount,
          blobs.size(),
          blobs.values().stream().mapToLong(Long::longValue).sum());
    }

    private void stream(ImageStream stream) throws IOException {
      boolean isMeant = settings.namespace().map(stream.namespace()::equals).orElse(true);
      ImageStream kept = isMeant ? shortened(stream) : stream;
      int removed = items(stream) - items(kept);
      if (removed > 0) {
        report.items(stream.namespace(), stream.name(), removed);
        itemCount += removed;
        if (!isTrial) {
          streams.changeIfThere(stream.namespace(), stream.name(), this::shortened);
          kept = streams.find(stream.namespace(), stream.name()).orElse(kept);
        }
      }
      named.addAll(images.named(kept.images()));
    }

    private ImageStream shortened(ImageStream stream) {
      ImageStream result = stream;
      for (Map.Entry<String, TagHistory> tag : stream.history().entrySet()) {
        List<TagEvent> items = tag.getValue().items();
        var kept = new ArrayList<TagEvent>();
        for (int i = 0; i < items.size(); i++) {
          if (i < settings.keepTagRevisions() || isNeeded(stream, items.get(i))) {
            kept.add(items.get(i));
          }
        }
        result = result.with(tag.getKey(), tag.getValue().with(kept));
      }
      return result;
    }

    private boolean isNeeded(ImageStream stream, TagEvent item) {
      return item.created().isAfter(limit) || isUsed(stream, item.image());
    }

    private static int items(ImageStream stream) {
      return stream.history().values().stream().mapToInt(was -> was.items().size()).sum();
    }

    /**
     * Returns whether an image was used recently in the repository of a stream, or is pinned there.
     */
    private boolean isUsed(ImageStream stream, String image) {
      Optional<Digest> digest = Streams.digest(image);
      Optional<RepositoryName> repository = Streams.repository(stream.namespace(), stream.name());
      return digest.isPresent() && repository.isPresent() && isUsed(repository.get(), digest.get());
    }

    private boolean isUsed(RepositoryName repository, Digest digest) {
      return repositories.isPinned(repository, digest)
          || repositories
              .lastUsed(repository, digest)
              .filter(time -> time.isAfter(limit))
              .isPresent();
    }

    /** Returns the removable images, each before those that it names. */
    private List<String> doomed() {
      var doomed = new LinkedHashSet<String>();
      var spared = new HashSet<String>();
      for (ObjectNode image : objects.each(Kinds.IMAGE, Optional.empty())) {
        if (isDoomed(image)) {
          doomed.add(Meta.name(image));
        } else if (!image.path("dockerImageManifests").isEmpty()) {
          spared.addAll(images.named(List.of(Meta.name(image))));
        }
      }
      doomed.removeAll(spared);
      var ordered = new LinkedHashSet<String>();
      doomed.stream().filter(image -> !images.children(image).isEmpty()).forEach(ordered::add);
      ordered.addAll(doomed);
      return List.copyOf(ordered);
    }

    private boolean isDoomed(ObjectNode image) {
      String digest = Meta.name(image);
      return !named.contains(digest)
          && !Meta.instant(image.path("metadata").path("creationTimestamp").asString(""))
              .isAfter(limit)
          && isMeant(digest)
          && keepers(digest).stream()
              .noneMatch(name -> isUsed(name, Streams.digest(digest).orElseThrow()));
    }

    /**
     * Returns whether the settings cover an image. If they name a namespace, no repository outside
     * it may link the image.
     */
    private boolean isMeant(String digest) {
      return settings.namespace().isEmpty()
          || keepers(digest).stream()
              .allMatch(name -> name.first().equals(settings.namespace().get()));
    }

    /** Returns the repositories of streams that link an image. */
    private List<RepositoryName> keepers(String image) {
      return Streams.digest(image).map(repositories::keepers).orElse(List.of()).stream()
          .filter(name -> name.path().split("/", -1).length == 2)
          .toList();
    }

    /** Removes images, except children of those that stay. Returns those that stay. */
    private List<String> staying(List<String> doomed) throws IOException {
      var staying = new LinkedHashSet<String>();
      var spared = new HashSet<String>();
      for (String image : doomed) {
        if (spared.contains(image) || !isRemoved(image)) {
          staying.add(image);
          spared.addAll(images.children(image));
        }
      }
      return List.copyOf(staying);
    }

    private boolean isRemoved(String image) throws IOException {
      return isTrial
          ? remove(image, Set.of())
          : streams.guard().removing(noted -> remove(image, noted));
    }

    private boolean remove(String image, Set<String> noted) throws IOException {
      if (isNoted(image, noted)) {
        return false;
      }
      Digest digest = Streams.digest(image).orElseThrow();
      long bytes = 0;
      boolean isKept = false;
      for (RepositoryName repository : keepers(image)) {
        switch (prune.of(repository, digest, limit)) {
          case Pruned.Removed removed -> {
            report.manifest(repository.path(), image);
            linkCount += 1 + removed.unlinked().size();
            bytes += told(removed);
          }
          case Pruned.Kept kept -> isKept = true;
          case Pruned.Absent absent -> {}
        }
      }
      if (isKept) {
        return false;
      }
      if (!isTrial) {
        Optional<ObjectNode> object = objects.get(Kinds.IMAGE, "", image);
        if (object.isEmpty()
            || objects
                .change(Kinds.IMAGE, List.of(ClusterObjects.removal(Kinds.IMAGE, object.get())))
                .isEmpty()) {
          return false;
        }
      }
      imageCount++;
      report.image(image, bytes);
      return true;
    }

    private long told(Pruned.Removed removed) {
      long bytes = 0;
      for (Map.Entry<Digest, Long> blob : removed.blobs().entrySet()) {
        if (blobs.put(blob.getKey(), blob.getValue()) == null) {
          report.blob(blob.getKey().toString(), blob.getValue());
          bytes += blob.getValue();
        }
      }
      return bytes;
    }
  }

  /** Removes an image. */
  public interface Removal {
    void run() throws IOException;
  }

  /**
   * Removes an image that is not in use, as an external pruner requests it. No stream can begin to
   * name it meanwhile.
   *
   * @return the reason why it stays; empty if it was removed
   */
  public Optional<String> remove(String image, Removal removal) throws IOException {
    one.lock();
    try {
      streams.guard().begin();
      Optional<String> reason = reasonToKeep(image);
      if (reason.isPresent()) {
        return reason;
      }
      boolean isRemoved =
          streams
              .guard()
              .removing(noted -> {
                if (!isNoted(image, noted)) {
                  removal.run();
                  return true;
                }
                return false;
              });
      return isRemoved ? Optional.empty() : Optional.of("an image stream names it since now");
    } finally {
      streams.guard().end();
      one.unlock();
    }
  }

  /**
   * Removes the children of a deleted index from the repository of a stream, unless they are used
   * on their own.
   */
  void orphans(RepositoryName repository, Digest index) throws IOException {
    Instant limit = clock.instant().minus(usual.keepYoungerThan());
    for (String child : images.children(index.toString())) {
      Optional<Digest> digest = Streams.digest(child);
      if (digest.isPresent()) {
        remove(child, () -> repositories.prune(repository, digest.get(), limit));
      }
    }
  }

  private boolean isNoted(String image, Set<String> noted) {
    return noted.contains(image)
        || noted.stream().map(images::children).anyMatch(children -> children.contains(image));
  }

  private Optional<String> reasonToKeep(String image) {
    Instant limit = clock.instant().minus(usual.keepYoungerThan());
    Optional<Digest> digest = Streams.digest(image);
    for (RepositoryName name : digest.map(repositories::keepers).orElse(List.of())) {
      if (repositories.isPinned(name, digest.get())) {
        return Optional.of("it is pinned in " + name);
      }
      Optional<Instant> used = repositories.lastUsed(name, digest.get());
      if (used.filter(time -> time.isAfter(limit)).isPresent()) {
        return Optional.of(name + " was asked for it at " + used.get());
      }
    }
    return namedBy(withNamers(image)).map(stream -> "image stream " + stream + " names it");
  }

  /** Returns a stream that names one of the digests. */
  private Optional<String> namedBy(Set<String> named) {
    return objects
        .mentioning(Kinds.IMAGE_STREAM, named)
        .map(stream -> stream.namespace() + "/" + stream.name());
  }

  /**
   * Returns an image and the indexes that contain it, directly or indirectly.
   *
   * @throws OciException with MANIFEST_INVALID, if these are more than are followed
   */
  private Set<String> withNamers(String image) {
    var named = new HashSet<String>();
    ManifestWalk.<RuntimeException>from(
        Streams.digest(image).stream().toList(),
        (digest, level) -> {
          named.add(digest.toString());
          return new ManifestWalk.Visit(
              0, repositories.namers(digest, ManifestWalk.MAX_MANIFESTS + 1));
        });
    return named;
  }
}
