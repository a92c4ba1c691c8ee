package dev.cistern.server.registry;

import dev.cistern.auth.access.Principal;
import dev.cistern.oci.Digest;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Texts;
import dev.cistern.server.http.Reply;
import dev.cistern.server.http.Request;
import dev.cistern.storage.Origin;
import dev.cistern.storage.Store;
import dev.cistern.storage.Upload;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * {@code /v2/NAME/blobs/uploads/}: POST, and the sessions that it opens: GET, PATCH, PUT, DELETE
 * (end-4 to end-6, end-11, end-13, end-14).
 */
final class UploadEndpoint {
  private static final Pattern CONTENT_RANGE =
      Pattern.compile("(?:bytes[ =])?(\\d{1,18})-(\\d{1,18})(?:/(?:\\d+|\\*))?");

  private final Store store;

  UploadEndpoint(Store store) {
    this.store = store;
  }

  /** The repositories that a blob may be mounted from. */
  sealed interface Source {
    record Repository(RepositoryName name) implements Source {}

    record Anywhere() implements Source {}

    record Nowhere() implements Source {}
  }

  /** Opens a session, stores a blob from the body, or mounts it from another repository. */
  Reply start(RepositoryName repository, Principal owner, Source source, Request request)
      throws IOException {
    Optional<Digest> mounted = request.query().first("mount").map(Digest::parse);
    if (mounted.isPresent() && mount(repository, mounted.get(), source)) {
      return created(repository, mounted.get());
    }
    Optional<Digest> whole = request.query().first("digest").map(Digest::parse);
    Upload upload = store.uploads().start(repository, owner.name(), algorithm(request, whole));
    if (whole.isEmpty()) {
      return progress(Reply.status(202), upload);
    }
    try (Upload.Hold hold = upload.hold()) {
      appendBody(hold, request);
      hold.finish(whole.get());
    } catch (IOException | RuntimeException e) {
      upload.cancel();
      throw e;
    }
    return created(repository, whole.get());
  }

  /** Returns a session of a repository if it belongs to the owner. */
  Upload find(RepositoryName repository, Principal owner, String id) throws IOException {
    return store
        .uploads()
        .find(repository, owner.name(), id)
        .orElseThrow(() ->
            new OciException(
                ErrorCode.BLOB_UPLOAD_UNKNOWN,
                "no upload " + id + " in repository " + repository,
                "it was closed, cancelled or has expired; start another"));
  }

  static Reply status(Upload upload) throws IOException {
    return progress(Reply.status(204), upload);
  }

  static Reply append(Upload upload, Request request) throws IOException {
    try (Upload.Hold hold = upload.hold()) {
      appendBody(hold, request);
      return progress(Reply.status(202), upload);
    }
  }

  static Reply finish(Upload upload, Request request) throws IOException {
    Digest digest =
        request
            .query()
            .first("digest")
            .map(Digest::parse)
            .orElseThrow(() ->
                new OciException(
                    ErrorCode.DIGEST_INVALID,
                    "the parameter digest is missing",
                    "close an upload with PUT LOCATION?digest=DIGEST"));
    try (Upload.Hold hold = upload.hold()) {
      appendBody(hold, request);
      hold.finish(digest);
    }
    return created(upload.repository(), digest);
  }

  static Reply cancel(Upload upload) throws IOException {
    upload.cancel();
    return Reply.status(204);
  }

  private boolean mount(RepositoryName repository, Digest digest, Source source)
      throws IOException {
    boolean isReachable =
        switch (source) {
          case Source.Repository(RepositoryName from) -> store.blobs().isLinked(from, digest);
          case Source.Anywhere anywhere -> true;
          case Source.Nowhere nowhere -> false;
        };
    return isReachable && store.blobs().link(repository, digest, Origin.PUSHED);
  }

  private static Digest.Algorithm algorithm(Request request, Optional<Digest> whole) {
    Optional<Digest.Algorithm> said =
        request.query().first("digest-algorithm").map(Digest.Algorithm::parse);
    return whole.map(Digest::algorithm).or(() -> said).orElse(Digest.Algorithm.SHA256);
  }

  /** Appends the request's body, which must begin where the upload ends. */
  private static void appendBody(Upload.Hold upload, Request request) throws IOException {
    long expected = expectedLength(upload, request);
    long before = upload.length();
    for (ByteBuffer part = request.body().next(); part != null; part = request.body().next()) {
      if (expected >= 0 && upload.length() - before + part.remaining() > expected) {
        throw sizeInvalid(expected);
      }
      upload.append(part);
    }
    if (expected >= 0 && upload.length() - before != expected) {
      throw sizeInvalid(expected);
    }
  }

  private static OciException sizeInvalid(long expected) {
    return new OciException(
        ErrorCode.SIZE_INVALID,
        "the body does not have the " + expected + " bytes that its Content-Range says",
        "ask for the upload's status and go on from there");
  }

  /** Returns the length that Content-Range specifies, or -1 if the header is missing. */
  private static long expectedLength(Upload.Hold upload, Request request) {
    Optional<String> header = request.header("Content-Range");
    if (header.isEmpty()) {
      return -1;
    }
    Matcher range = CONTENT_RANGE.matcher(header.get());
    if (!range.matches()) {
      throw new OciException(
          ErrorCode.BLOB_UPLOAD_INVALID,
          "Content-Range is not FIRST-LAST: " + Texts.shown(header.get()));
    }
    long first = Long.parseLong(range.group(1));
    long expected = Long.parseLong(range.group(2)) - first + 1;
    if (first != upload.length() || expected < 1) {
      throw new OciException(
          ErrorCode.RANGE_INVALID,
          "the chunk begins at " + first + " but the upload has " + upload.length() + " bytes",
          "ask for the upload's status and go on from there");
    }
    if (request.body().length().orElse(expected) != expected) {
      throw sizeInvalid(expected);
    }
    return expected;
  }

  private static Reply created(RepositoryName repository, Digest digest) {
    return Reply.status(201)
        .header("Location", "/v2/" + repository + "/blobs/" + digest)
        .header("Docker-Content-Digest", digest.toString());
  }

  private static Reply progress(Reply reply, Upload upload) throws IOException {
    return reply
        .header("Location", "/v2/" + upload.repository() + "/blobs/uploads/" + upload.id())
        .header("Range", "0-" + Math.max(0, upload.length() - 1))
        .header("Docker-Upload-UUID", upload.id());
  }
}
