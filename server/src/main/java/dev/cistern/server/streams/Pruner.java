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
 * Removes what is old and nobody uses: items of tags, then the images that no item names any more,
 * with the content that only they need. Runs while everything else goes on.
 *
 * <p>An item stays while it is young, among the newest of its tag, or its image in use: pulled by
 * digest within the keep period, or pinned. An index that stays keeps all its children. A child
 * that is used on its own keeps itself, and not the index.
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
   * @param usual what is kept unless it is said
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

  /** Returns what is kept unless it is said. */
  public PruneSettings usual() {
    return usual;
  }

  /** Is told what is done, as it is done. */
  public interface Report {
    /** Tells nobody. */
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

    /** So many items of a stream are removed. */
    void items(String namespace, String name, int count);

    /** Content is removed. */
    void blob(String digest, long bytes);

    /** An image is removed, and so many bytes with it. */
    void image(String digest, long bytes);

    /** A stream's repository does not keep a manifest any more. */
    void manifest(String repository, String digest);
  }

  /** How much was removed. */
  public record Summary(int images, int items, int links, int blobs, long bytes) {
    /** Returns whether there was nothing to remove. */
    public boolean isEmpty() {
      return images + items + links + blobs == 0;
    }
  }

  /**
   * Prunes; waits while another does.
   *
   * @param isTrial whether nothing is to be changed
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

  /** Takes a manifest from a repository, or says what would come of that. */
  private interface Prune {
    Pruned of(RepositoryName repository, Digest manifest, Instant notAfter) throws IOException;
  }

  /** One pass. */
  private final class Run {
    private final PruneSettings settings;
    private final boolean isTrial;
    private final Prune prune;
    private final Report report;
    private final Instant limit;

    /** What the items that stay name, and the children of indexes among that. */
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
      do { // what stays for another's sake may go once that is gone
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

    /** Says whether an image was pulled by digest lately from a stream, or is pinned there. */
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

    /** Returns the images that may go, each before those that it names. */
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

    /** In one namespace only what is kept nowhere else goes. */
    private boolean isMeant(String digest) {
      return settings.namespace().isEmpty()
          || keepers(digest).stream()
              .allMatch(name -> name.first().equals(settings.namespace().get()));
    }

    /** Returns the repositories of streams that keep an image. */
    private List<RepositoryName> keepers(String image) {
      return Streams.digest(image).map(repositories::keepers).orElse(List.of()).stream()
          .filter(name -> name.path().split("/", -1).length == 2)
          .toList();
    }

    /** Removes images, but for the children of those that stay; returns those that stay. */
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

  /** Takes an image away. */
  public interface Removal {
    void run() throws IOException;
  }

  /**
   * Has an image be taken away that is not in use, as another's pruner would; no stream can begin
   * to name it meanwhile.
   *
   * @return why it has to stay; empty if it was taken away
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
   * Takes the children of an index that was deleted out of a stream's repository, as far as they
   * are not used on their own.
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

  /** Returns a stream that names an image or an index that it belongs to. */
  private Optional<String> namedBy(Set<String> named) {
    return objects
        .mentioning(Kinds.IMAGE_STREAM, named)
        .map(stream -> stream.namespace() + "/" + stream.name());
  }

  /**
   * Returns an image and the indexes that it belongs to.
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
