package dev.cistern.server.registry;

import dev.cistern.oci.Digest;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import dev.cistern.oci.Reference;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Texts;
import java.util.regex.Pattern;

/** The resource that a path below {@code /v2} names (distribution specification, "Endpoints"). */
sealed interface Route {
  record Ping() implements Route {}

  record Catalog() implements Route {}

  record Blob(RepositoryName repository, Digest digest) implements Route {}

  record Uploads(RepositoryName repository) implements Route {}

  record UploadSession(RepositoryName repository, String id) implements Route {}

  record Manifest(RepositoryName repository, Reference reference) implements Route {}

  record Tags(RepositoryName repository) implements Route {}

  record Referrers(RepositoryName repository, Digest subject) implements Route {}

  Pattern UPLOAD_ID = Pattern.compile("[0-9a-f]{32}");
  String PREFIX = "/v2/";

  /**
   * Parses a path. The kind is determined from the right, because a repository name may itself
   * contain {@code blobs} or {@code manifests}.
   */
  static Route parse(String path) {
    if (path.equals("/v2") || path.equals(PREFIX)) {
      return new Ping();
    }
    if (path.equals("/v2/_catalog")) {
      return new Catalog();
    }
    if (path.endsWith("/blobs/uploads/") || path.endsWith("/blobs/uploads")) {
      return new Uploads(repository(path, path.lastIndexOf("/blobs/uploads")));
    }
    int last = path.lastIndexOf('/');
    int kind = path.lastIndexOf('/', last - 1);
    if (!path.startsWith(PREFIX) || kind < PREFIX.length()) {
      throw unknown(path);
    }
    String item = path.substring(last + 1).replace("%3A", ":").replace("%3a", ":");
    return switch (path.substring(kind + 1, last)) {
      case "blobs" -> new Blob(repository(path, kind), Digest.parse(item));
      case "manifests" -> new Manifest(repository(path, kind), Reference.parse(item));
      case "referrers" -> new Referrers(repository(path, kind), Digest.parse(item));
      case "uploads" -> uploadSession(path, kind, item);
      case "tags" -> {
        if (!item.equals("list")) {
          throw unknown(path);
        }
        yield new Tags(repository(path, kind));
      }
      default -> throw unknown(path);
    };
  }

  private static Route uploadSession(String path, int kind, String item) {
    int blobs = path.lastIndexOf("/blobs", kind - 1);
    if (blobs < PREFIX.length() || blobs + "/blobs".length() != kind) {
      throw unknown(path);
    }
    if (!UPLOAD_ID.matcher(item).matches()) {
      throw new OciException(ErrorCode.BLOB_UPLOAD_UNKNOWN, "no such upload: " + Texts.shown(item));
    }
    return new UploadSession(repository(path, blobs), item);
  }

  private static RepositoryName repository(String path, int end) {
    if (!path.startsWith(PREFIX) || end < PREFIX.length()) {
      throw new OciException(ErrorCode.NAME_INVALID, "the name of the repository is missing");
    }
    return new RepositoryName(path.substring(PREFIX.length(), end));
  }

  private static OciException unknown(String path) {
    return new OciException(
            ErrorCode.UNSUPPORTED,
            "no such endpoint: " + Texts.shown(path),
            "the endpoints are those of the OCI distribution specification")
        .withStatus(404);
  }
}
