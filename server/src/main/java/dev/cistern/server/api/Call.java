package dev.cistern.server.api;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cistern.auth.access.Outcome.Caller;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.HostileJson;
import dev.cistern.oci.OciException;
import dev.cistern.server.http.Request;
import dev.cistern.server.objects.ApiException;
import dev.cistern.server.objects.Protobuf;
import dev.cistern.storage.Objects;
import java.io.IOException;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * A request for objects of one kind, with its caller. The caller's rights are checked separately.
 *
 * @param namespace the namespace; empty for objects without one, or for all namespaces
 * @param name the name of one object; empty for all
 * @param registry the host by which the caller knows this server, {@code host[:port]}
 * @param isDryRun whether nothing is stored
 */
record Call(
    Request request,
    Caller caller,
    Optional<String> namespace,
    Optional<String> name,
    String registry,
    boolean isDryRun) {
  /** Refuses duplicate keys, because it is unclear which of the two values is meant. */
  private static final JsonMapper STRICT =
      HostileJson.mapper(
          HostileJson.MOST_TOKENS,
          HostileJson.MOST_DEPTH,
          StreamReadFeature.STRICT_DUPLICATE_DETECTION);

  private static final String JSON = "application/json";
  private static final int MOST_BODY_BYTES = 3 << 20;
  private static final int MIN_REPLY_BYTES = 16 << 10;

  static Call of(
      Request request,
      Caller caller,
      Optional<String> namespace,
      Optional<String> name,
      String registry) {
    boolean isDryRun = request.query().first("dryRun").filter(text -> !text.isEmpty()).isPresent();
    return new Call(request, caller, namespace, name, registry, isDryRun);
  }

  /** Returns the same request as a dry run. */
  Call asDryRun() {
    return new Call(request, caller, namespace, name, registry, true);
  }

  /** Returns the name of the requested object. */
  String requiredName() {
    return name.orElseThrow(() -> ApiException.badRequest("the name of the object is missing"));
  }

  /** Returns the namespace of the request. */
  String requiredNamespace() {
    return namespace.orElseThrow(() ->
        ApiException.badRequest(
            "an empty namespace may not be set when a resource name is provided"));
  }

  Optional<String> parameter(String key) {
    return request.query().first(key).filter(text -> !text.isEmpty());
  }

  /**
   * Refuses resource versions that cannot be served, because only current objects are available.
   *
   * @param revision the current revision
   * @throws ApiException with Expired, if the version is later than {@code revision}, or exactly
   *     another one is requested; with BadRequest, if the parameters cannot be combined
   */
  void requireServed(long revision) {
    String version = parameter("resourceVersion").orElse("");
    Optional<String> match = parameter("resourceVersionMatch");
    if (match.isPresent() && version.isEmpty()) {
      throw ApiException.badRequest(
          "resourceVersionMatch is forbidden unless resourceVersion is provided");
    }
    boolean isPage = parameter("continue").isPresent();
    if (isPage && (match.isPresent() || !(version.isEmpty() || version.equals("0")))) {
      throw ApiException.badRequest(
          "resourceVersion and resourceVersionMatch are not allowed when using continue");
    }
    long wanted = version.isEmpty() ? 0 : Long.parseLong(version);
    boolean isExact = match.filter("Exact"::equals).isPresent();
    if (wanted > revision) {
      throw new ApiException(
          ApiException.Reason.EXPIRED,
          "too large resource version: " + wanted + " (" + revision + ")");
    }
    if (isExact && wanted == 0) {
      throw ApiException.badRequest(
          "resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\"");
    }
    if (isExact && wanted != revision) {
      throw new ApiException(
          ApiException.Reason.EXPIRED,
          "The provided resource version is too old: only the present one is kept");
    }
  }

  /** Returns the media type of the body, without its parameters. */
  String mediaType() {
    String type = request.header("Content-Type").orElse(JSON);
    int semicolon = type.indexOf(';');
    return (semicolon < 0 ? type : type.substring(0, semicolon)).strip();
  }

  /**
   * Returns the body. Also takes memory for a response of about this length, because it is too late
   * to refuse it after a change.
   *
   * @throws ApiException if the body is longer than 3 MiB, or does not arrive
   * @throws dev.cistern.base.MemoryBudget.RefusedException if there is no memory for it
   */
  byte[] body() {
    try {
      byte[] body = request.content(MOST_BODY_BYTES, ErrorCode.SIZE_INVALID);
      request.reserveReply(MIN_REPLY_BYTES + 2L * Math.min(body.length, Objects.MOST_BYTES));
      return body;
    } catch (OciException e) {
      throw new ApiException(
          ApiException.Reason.TOO_LARGE,
          "Request entity too large: limit is " + MOST_BODY_BYTES + " bytes");
    } catch (IOException e) {
      throw ApiException.badRequest("the body did not come: " + e.getMessage());
    }
  }

  /**
   * Returns the object in the body.
   *
   * @throws ApiException if the body is not an object
   */
  ObjectNode object() {
    return object(body());
  }

  private ObjectNode object(byte[] bytes) {
    if (mediaType().equals(Protobuf.MEDIA_TYPE)) {
      return Protobuf.parse(bytes);
    }
    if (!mediaType().equals(JSON)) {
      throw new ApiException(
          ApiException.Reason.UNSUPPORTED_MEDIA_TYPE,
          "the body of the request was in an unknown format - accepted media types include: "
              + JSON
              + ", "
              + Protobuf.MEDIA_TYPE);
    }
    request.parses(bytes);
    try {
      if (STRICT.readTree(new String(bytes, UTF_8)) instanceof ObjectNode object) {
        return object;
      }
      throw ApiException.badRequest("the body is no JSON object");
    } catch (JacksonException e) {
      throw ApiException.badRequest("the body is not JSON: " + e.getOriginalMessage());
    }
  }

  /** Returns the options in the body of a DELETE; an empty object if there is no body. */
  ObjectNode deleteOptions() {
    byte[] bytes = body(); // only its end shows whether there is a body
    return bytes.length == 0 ? JsonMapper.shared().createObjectNode() : object(bytes);
  }
}
