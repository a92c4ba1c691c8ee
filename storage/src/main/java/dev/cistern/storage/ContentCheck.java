package dev.cistern.storage;

import dev.cistern.oci.Digest;
import dev.cistern.storage.Facts.BlobFact;
import dev.cistern.storage.Facts.DamageFact;
import dev.cistern.storage.Facts.UploadFact;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.rocksdb.RocksDBException;

/** The part of a store check that compares facts with files. */
final class ContentCheck {
  private static final Duration STALE = Duration.ofDays(1);
  private static final String REPAIR = "run fsck --repair: it is set aside";
  private static final String PUSH_AGAIN = "push it again";

  private final CheckRun run;
  private final Uploads uploads;

  ContentCheck(CheckRun run, Uploads uploads) {
    this.run = run;
    this.uploads = uploads;
  }

  void run() throws IOException {
    run.index().walk(Keys.family(Keys.BLOB), this::blob);
    run.index().walk(Keys.family(Keys.DAMAGE), this::knownDamage);
    for (Digest.Algorithm algorithm : Digest.Algorithm.values()) {
      blobFiles(algorithm);
    }
    run.index().walk(Keys.uploads(), this::upload);
    uploadFiles();
    fillFiles();
  }

  private void blob(byte[] key, byte[] value) throws IOException {
    Optional<BlobFact> fact = run.decoded(key, value, BlobFact::decode);
    if (fact.isEmpty()) {
      return;
    }
    Digest digest = Keys.digestAfter(1, key);
    for (Instant stored : new Instant[] {fact.get().firstSeen(), fact.get().lastUsed()}) {
      if (run.isFuture(stored)) {
        run.future("blob " + digest, stored, batch -> rewritten(batch, key));
        break;
      }
    }
    Optional<FindingKind> fault =
        run.readsContent() ? run.blobs().verify(digest, run::spend) : run.blobs().inspect(digest);
    if (fault.isPresent()) {
      damaged(digest, fault.get());
    }
  }

  private boolean rewritten(Index.Batch batch, byte[] key) throws RocksDBException {
    byte[] value = batch.get(key);
    if (value != null) {
      batch.put(key, new BlobFact(BlobFact.decode(value).size(), run.now(), run.now()).encoded());
    }
    return value != null;
  }

  /** Reports damage that this check found. The file is already set aside. */
  private void damaged(Digest digest, FindingKind kind) throws IOException {
    Origin origin =
        run.damaged()
            .find(digest, DamagedContent.Form.BLOB)
            .map(DamageFact::origin)
            .orElse(Origin.CACHED);
    CheckRun.Namers namers = run.namers(Keys.linkers(digest));
    boolean isRepaired = run.isRepair() && origin == Origin.CACHED;
    if (isRepaired) {
      run.report().refetch(digest, namers.first());
    }
    run.found(
        kind,
        digest,
        Optional.of(origin),
        namers,
        "the stored copy is damaged and set aside",
        isRepaired,
        origin == Origin.PUSHED ? PUSH_AGAIN : "it is fetched again at the next pull");
  }

  /** Reports pushed content that was found damaged earlier and has not been pushed again. */
  private void knownDamage(byte[] key, byte[] value) throws IOException {
    if (key.length == 1) {
      return; // the number of damaged blobs
    }
    Optional<DamageFact> fact = run.decoded(key, value, DamageFact::decode);
    if (fact.isEmpty()
        || fact.get().origin() == Origin.CACHED
        || !fact.get().found().isBefore(run.now())) {
      return;
    }
    Digest digest = Keys.digestAfter(1, key);
    DamagedContent.Form form = Keys.formOf(key);
    boolean isRepaired =
        run.isRepair() && form == DamagedContent.Form.BLOB && run.blobs().takeBack(digest);
    run.found(
        fact.get().kind(),
        digest,
        Optional.of(Origin.PUSHED),
        run.namers(form == DamagedContent.Form.BLOB ? Keys.linkers(digest) : Keys.keepers(digest)),
        isRepaired
            ? "it was taken back from the quarantine, verified"
            : "the stored copy was found damaged at " + fact.get().found(),
        isRepaired,
        PUSH_AGAIN);
  }

  private void blobFiles(Digest.Algorithm algorithm) throws IOException {
    try (DirectoryStream<Path> shards = Files.newDirectoryStream(run.layout().blobs(algorithm))) {
      for (Path shard : shards) {
        if (Files.isDirectory(shard)) {
          try (DirectoryStream<Path> files = Files.newDirectoryStream(shard)) {
            for (Path file : files) {
              run.look();
              blobFile(algorithm, file);
            }
          }
        } else {
          foreign(file(shard), shard);
        }
      }
    }
  }

  private void blobFile(Digest.Algorithm algorithm, Path file) throws IOException {
    Optional<Digest> digest = run.layout().blobOf(algorithm, file);
    if (digest.isEmpty()) {
      foreign(file(file), file);
    } else if (run.blobs().isUnknown(digest.get())) {
      boolean isRepaired =
          run.isRepair() && run.blobs().setAsideUnknown(digest.get(), "fsck: no fact names it");
      run.found(
          FindingKind.UNKNOWN_CONTENT,
          digest.get(),
          Optional.empty(),
          run.namers(Keys.linkers(digest.get())),
          "no fact names this file",
          isRepaired,
          REPAIR);
    }
  }

  private void foreign(String name, Path file) throws IOException {
    boolean isRepaired = isSetAside(file, "file-", "its name is not a digest");
    run.found(
        Finding.of(
            FindingKind.UNKNOWN_CONTENT,
            name,
            "its name is not that of a blob",
            isRepaired,
            Files.isDirectory(file) ? "remove this directory" : REPAIR));
  }

  private void upload(byte[] key, byte[] value) throws IOException {
    Optional<UploadFact> fact = run.decoded(key, value, UploadFact::decode);
    if (fact.isEmpty()) {
      return;
    }
    String id = Keys.textAfter(1, key);
    Instant started = fact.get().started();
    if (run.isFuture(started)) {
      run.future("upload " + id, started, batch -> restarted(batch, key));
    }
    if (isOld(started) && isOld(lastWritten(run.layout().upload(id)))) {
      if (run.isRepair()) {
        uploads.forget(id);
      }
      run.found(
          Finding.of(
              FindingKind.STALE_UPLOAD,
              "upload " + id,
              "nothing was added for more than a day",
              run.isRepair(),
              "run fsck --repair: it ends"));
    }
  }

  private boolean restarted(Index.Batch batch, byte[] key) throws RocksDBException {
    byte[] value = batch.get(key);
    if (value != null) {
      UploadFact fact = UploadFact.decode(value);
      batch.put(
          key,
          new UploadFact(fact.repository(), fact.algorithm(), run.now(), fact.owner()).encoded());
    }
    return value != null;
  }

  private void uploadFiles() throws IOException {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(run.layout().uploads())) {
      for (Path file : files) {
        run.look();
        if (run.index().get(Keys.upload(String.valueOf(file.getFileName()))) == null
            && Files.exists(file)) {
          stale(file, "upload-", "no fact names this upload");
        }
      }
    }
  }

  private void fillFiles() throws IOException {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(run.layout().fills())) {
      for (Path file : files) {
        run.look();
        Optional<Digest> digest = Layout.fillOf(file);
        if (digest.isEmpty()) {
          stale(file, "fill-", "its name is not a digest");
        } else if (isOld(lastWritten(file))) {
          boolean isRepaired = run.isRepair() && run.blobs().removeDownload(digest.get());
          run.found(
              FindingKind.STALE_UPLOAD,
              digest.get(),
              Optional.of(Origin.CACHED),
              run.namers(Keys.linkers(digest.get())),
              "nothing was added to this download for more than a day",
              isRepaired,
              "run fsck --repair: it is removed");
        }
      }
    }
  }

  /** Sets a file aside if this run repairs. Returns whether it did. */
  private boolean isSetAside(Path file, String prefix, String why) throws IOException {
    return run.isRepair()
        && Files.isRegularFile(file)
        && run.quarantine()
            .setAside(
                file, prefix + file.getFileName(), "fsck: " + why, Quarantine.Retention.EXPIRES);
  }

  private void stale(Path file, String prefix, String why) throws IOException {
    long bytes = Layout.sizeOf(file);
    boolean isRepaired = isSetAside(file, prefix, why);
    if (isRepaired) {
      run.space().give(bytes);
    }
    run.found(Finding.of(FindingKind.STALE_UPLOAD, file(file), why, isRepaired, REPAIR));
  }

  private boolean isOld(Instant time) {
    return time.isBefore(run.now().minus(STALE));
  }

  private static Instant lastWritten(Path file) throws IOException {
    try {
      return Files.getLastModifiedTime(file).toInstant();
    } catch (NoSuchFileException e) {
      return Instant.EPOCH;
    }
  }

  private String file(Path file) {
    return run.layout().root().relativize(file).toString();
  }
}
