package dev.cistern.oci;

/**
 * The error codes of the distribution specification ("Error Codes"), each with its default HTTP
 * status, which the thrower may replace. The last group is Cistern's own, for errors that the
 * specification has no code for.
 */
public enum ErrorCode {
  BLOB_UNKNOWN(404),
  BLOB_UPLOAD_INVALID(400),
  BLOB_UPLOAD_UNKNOWN(404),
  DENIED(403),
  DIGEST_INVALID(400),
  MANIFEST_BLOB_UNKNOWN(404),
  MANIFEST_INVALID(400),
  MANIFEST_UNKNOWN(404),
  NAME_INVALID(400),
  NAME_UNKNOWN(404),
  SIZE_INVALID(400),
  TAG_INVALID(400),
  TOOMANYREQUESTS(429),
  UNAUTHORIZED(401),
  UNSUPPORTED(405),

  RANGE_INVALID(416),
  PAGINATION_NUMBER_INVALID(400),
  INSUFFICIENT_STORAGE(507),
  UPSTREAM_UNAVAILABLE(502),
  UNKNOWN(500);

  private final int status;

  ErrorCode(int status) {
    this.status = status;
  }

  /** Returns the HTTP status. */
  public int status() {
    return status;
  }
}
