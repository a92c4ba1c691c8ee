package dev.cistern.server.registry;

import dev.cistern.mirror.BlobAnswer;
import dev.cistern.mirror.BlobSize;
import dev.cistern.mirror.CacheStatus;
import dev.cistern.mirror.DirectBlob;
import dev.cistern.mirror.Fill;
import dev.cistern.mirror.Mirror;
import dev.cistern.mirror.Wanted;
import dev.cistern.mirror.rules.Location;
import dev.cistern.oci.Digest;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.MediaType;
import dev.cistern.oci.OciException;
import dev.cistern.oci.RepositoryName;
import dev.cistern.server.http.Reply;
import dev.cistern.server.http.ReplyBody;
import dev.cistern.server.http.Request;
import dev.cistern.storage.Blob;
import dev.cistern.storage.Store;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Optional;

/** {@code /v2/NAME/blobs/DIGEST}: GET, HEAD, DELETE (end-2, end-10). */
final class BlobEndpoint {
  private static final int SMALL_BYTES = 64 << 10;

  private final Store store;
  private final Mirror mirror;
  private final HotContent hot;

  BlobEndpoint(Store store, Mirror mirror, HotContent hot) {
    this.store = store;
    this.mirror = mirror;
    this.hot = hot;
  }

  Reply get(Location location, Digest digest, Request request) throws IOException {
    if (request.isHead()) {
      return head(location, digest, request);
    }
    Wanted wanted = Content.wanted(request, digest, () -> size(location, digest));
    store.blobs().keep(location.repository(), digest);
    while (true) { // a stored copy may turn out to be damaged and is then no longer stored
      Optional<Reply> reply = answer(location, digest, wanted, request);
      if (reply.isPresent()) {
        return reply.get();
      }
    }
  }

  private Optional<Reply> answer(Location location, Digest digest, Wanted wanted, Request request)
      throws IOException {
    long version = hot.version(location.repository(), location.copies());
    return switch (mirror.blob(location, digest, wanted)) {
      case BlobAnswer.Stored(Blob blob, CacheStatus status) -> {
        try (blob) {
          yield content(blob)
              .map(content -> {
                hot.keep(
                    request,
                    new HotContent.Entry(
                        location.repository(),
                        location.copies(),
                        digest.toString(),
                        version,
                        () -> {},
                        Optional.empty(),
                        location.namespace(),
                        status,
                        content));
                return named(content.reply(request).cache(status), location);
              });
        }
      }
      case BlobAnswer.Filling(Fill fill, CacheStatus status) ->
          Optional.of(
              coming(
                  new Content(
                      fill.digest(),
                      MediaType.OCTET_STREAM,
                      fill.size(),
                      new Content.Source.Growing(fill)),
                  request,
                  status,
                  location,
                  fill::release));
      case BlobAnswer.Passing(DirectBlob blob, CacheStatus status) ->
          Optional.of(
              coming(
                  new Content(
                      blob.digest(),
                      MediaType.OCTET_STREAM,
                      blob.size(),
                      new Content.Source.Direct(blob)),
                  request,
                  status,
                  location,
                  blob::close));
    };
  }

  private long size(Location location, Digest digest) {
    try {
      return mirror.blobSize(location, digest).bytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  Reply delete(RepositoryName repository, Digest digest) throws IOException {
    if (!store.blobs().unlink(repository, digest)) {
      throw new OciException(
          ErrorCode.BLOB_UNKNOWN, "no blob " + digest + " in repository " + repository);
    }
    return Reply.status(202);
  }

  private Reply head(Location location, Digest digest, Request request) throws IOException {
    store.blobs().keep(location.repository(), digest);
    BlobSize size = mirror.blobSize(location, digest);
    var content =
        new Content(digest, MediaType.OCTET_STREAM, size.bytes(), new Content.Source.HeadOnly());
    return named(content.reply(request).cache(size.status()), location);
  }

  /** Returns the response. Runs {@code release} unless the body takes over the download. */
  private static Reply coming(
      Content content, Request request, CacheStatus status, Location location, Runnable release) {
    boolean isTaken = false;
    try {
      Reply reply = named(content.reply(request).cache(status), location);
      isTaken =
          reply.body() instanceof ReplyBody.Following || reply.body() instanceof ReplyBody.Direct;
      return reply;
    } finally {
      if (!isTaken) {
        release.run();
      }
    }
  }

  /**
   * Returns the content of a stored blob, or empty if the blob is damaged and therefore no longer
   * stored.
   */
  private static Optional<Content> content(Blob blob) throws IOException {
    Optional<Content.Source> source =
        blob.size() <= SMALL_BYTES
            ? blob.readVerified().map(Content.Source.Memory::new)
            : Optional.of(new Content.Source.File(blob));
    return source.map(
        bytes -> new Content(blob.digest(), MediaType.OCTET_STREAM, blob.size(), bytes));
  }

  private static Reply named(Reply reply, Location location) {
    location.namespace().ifPresent(namespace -> reply.header("OCI-Namespace", namespace));
    return reply;
  }
}
