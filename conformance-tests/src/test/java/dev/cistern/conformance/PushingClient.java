package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;

/** Does whatever a client can do to a repository of its own, and keeps the {@link Ledger} of it. */
final class PushingClient {
  private static final String OCTETS = "application/octet-stream";
  private static final int TAGS = 6;
  private static final int MOST_CHUNKS = 4;
  private static final int SMALLEST_CHUNK = 64;

  private final SplittableRandom random;
  private final Ledger ledger;
  private final HttpCalls calls;
  private final List<Sample> pool;
  private final String from;

  /**
   * @param pool what it pushes
   * @param from a repository that has all of the pool's first half and nothing else
   */
  PushingClient(
      SplittableRandom random, Ledger ledger, HttpCalls calls, List<Sample> pool, String from) {
    this.random = random;
    this.ledger = ledger;
    this.calls = calls;
    this.pool = pool;
    this.from = from;
  }

  /** Does one thing. */
  void step() throws IOException {
    switch (random.nextInt(16)) {
      case 0, 1 -> pushAtOnce(any(pool));
      case 2, 3 -> finish(begin(any(pool)));
      case 4, 5 -> pushChunks(any(pool));
      case 6, 7 -> goOn();
      case 8 -> mount(any(pool));
      case 9, 10, 11 -> putManifest();
      case 12 -> deleteTag();
      case 13 -> deleteManifest();
      case 14 -> deleteBlob();
      default -> cancel();
    }
    calls.fuse().acknowledged();
  }

  /** Ends what is begun. */
  void finishUploads() throws IOException {
    for (Ledger.OpenUpload upload : List.copyOf(ledger.uploads())) {
      finish(upload);
    }
  }

  void pushAtOnce(Sample blob) throws IOException {
    ledger.blobMayCome(blob);
    expect(
        201,
        calls.send(
            "POST", uploads() + "?digest=" + blob.digest(), blob.bytes(), "Content-Type", OCTETS));
    ledger.blobCame(blob);
  }

  private Ledger.OpenUpload begin(Sample blob) throws IOException {
    HttpCalls.Reply reply = expect(202, calls.send("POST", uploads()));
    var upload = new Ledger.OpenUpload(String.valueOf(reply.header("Location")), blob);
    ledger.uploads().add(upload);
    return upload;
  }

  /** Sends what is missing and the digest. */
  private void finish(Ledger.OpenUpload upload) throws IOException {
    Sample blob = upload.blob();
    ledger.blobMayCome(blob);
    upload.sending(blob.size());
    upload.ending();
    expect(
        201,
        calls.send(
            "PUT",
            upload.location() + "?digest=" + blob.digest(),
            blob.part(upload.length(), blob.size()),
            "Content-Type",
            OCTETS));
    ledger.uploads().remove(upload);
    ledger.blobCame(blob);
  }

  /** Sends some chunks; may or may not end it. */
  private void pushChunks(Sample blob) throws IOException {
    Ledger.OpenUpload upload = begin(blob);
    int chunks = random.nextInt(MOST_CHUNKS) + 1;
    for (int i = 0; i < chunks; i++) {
      sendChunk(upload);
    }
    if (random.nextBoolean()) {
      finish(upload);
    }
  }

  private void sendChunk(Ledger.OpenUpload upload) throws IOException {
    Sample blob = upload.blob();
    int start = upload.length();
    int left = blob.size() - start;
    if (left < SMALLEST_CHUNK) {
      return;
    }
    int end = start + random.nextInt(SMALLEST_CHUNK, left + 1);
    upload.sending(end);
    HttpCalls.Reply reply =
        expect(
            202,
            calls.send(
                "PATCH",
                upload.location(),
                blob.part(start, end),
                "Content-Type",
                OCTETS,
                "Content-Range",
                start + "-" + (end - 1)));
    assertThat(reply.header("Range")).isEqualTo("0-" + (end - 1));
    upload.acknowledged(end);
  }

  /** Goes on with an upload, maybe from before the last kill. */
  private void goOn() throws IOException {
    if (!ledger.uploads().isEmpty()) {
      Ledger.OpenUpload upload = any(ledger.uploads());
      sendChunk(upload);
      finish(upload);
    }
  }

  private void cancel() throws IOException {
    if (!ledger.uploads().isEmpty()) {
      Ledger.OpenUpload upload = any(ledger.uploads());
      upload.ending();
      expect(204, calls.send("DELETE", upload.location()));
      ledger.uploads().remove(upload);
    }
  }

  private void mount(Sample blob) throws IOException {
    boolean isThere =
        pool.subList(0, pool.size() / 2).stream()
            .anyMatch(there -> there.digest().equals(blob.digest()));
    if (isThere) {
      ledger.blobMayCome(blob);
    }
    HttpCalls.Reply reply =
        calls.send("POST", uploads() + "?mount=" + blob.digest() + "&from=" + from);
    expect(isThere ? 201 : 202, reply);
    if (isThere) {
      ledger.blobCame(blob);
    } else {
      ledger.uploads().add(new Ledger.OpenUpload(String.valueOf(reply.header("Location")), blob));
    }
  }

  private void putManifest() throws IOException {
    List<Sample> blobs = ledger.presentBlobs();
    if (blobs.isEmpty()) {
      return;
    }
    var layers = new ArrayList<Sample>();
    for (int i = random.nextInt(4); i >= 0; i--) {
      layers.add(any(blobs));
    }
    List<Sample> others = ledger.presentManifests();
    Optional<Sample> subject =
        others.isEmpty() || random.nextInt(3) > 0 ? Optional.empty() : Optional.of(any(others));
    String filler = "x".repeat(random.nextInt(4) == 0 ? random.nextInt(100_000) : 0);
    Sample manifest = Images.image(any(blobs), layers, random.nextLong() + filler, subject);
    String tag = "t" + random.nextInt(TAGS);
    boolean isByDigest = random.nextBoolean();
    List<String> tags = isByDigest && random.nextBoolean() ? List.of() : List.of(tag);
    String reference = isByDigest ? manifest.digest() + (tags.isEmpty() ? "" : "?tag=" + tag) : tag;
    ledger.manifestMayCome(manifest, subject, tags);
    expect(
        201,
        calls.send("PUT", manifests() + reference, manifest.bytes(), "Content-Type", Images.IMAGE));
    ledger.manifestCame(manifest, tags);
  }

  private void deleteTag() throws IOException {
    List<String> tags = ledger.presentTags();
    if (!tags.isEmpty()) {
      String tag = any(tags);
      ledger.tagMayGo(tag);
      expect(202, calls.send("DELETE", manifests() + tag));
      ledger.tagWent(tag);
    }
  }

  private void deleteManifest() throws IOException {
    List<Sample> present = ledger.presentManifests();
    if (!present.isEmpty()) {
      Sample manifest = any(present);
      ledger.manifestMayGo(manifest);
      expect(202, calls.send("DELETE", manifests() + manifest.digest()));
      ledger.manifestWent(manifest);
    }
  }

  private void deleteBlob() throws IOException {
    List<Sample> present = ledger.presentBlobs();
    if (!present.isEmpty()) {
      Sample blob = any(present);
      ledger.blobMayGo(blob);
      expect(202, calls.send("DELETE", "/v2/" + ledger.repository() + "/blobs/" + blob.digest()));
      ledger.blobWent(blob);
    }
  }

  private String uploads() {
    return "/v2/" + ledger.repository() + "/blobs/uploads/";
  }

  private String manifests() {
    return "/v2/" + ledger.repository() + "/manifests/";
  }

  private <T> T any(List<T> list) {
    return list.get(random.nextInt(list.size()));
  }

  private static HttpCalls.Reply expect(int status, HttpCalls.Reply reply) {
    assertThat(reply.status()).as("%s", reply).isEqualTo(status);
    return reply;
  }
}
