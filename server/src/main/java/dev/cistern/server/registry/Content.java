package dev.cistern.server.registry;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.cistern.mirror.DirectBlob;
import dev.cistern.mirror.Fill;
import dev.cistern.mirror.Wanted;
import dev.cistern.oci.Digest;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.MediaType;
import dev.cistern.oci.OciException;
import dev.cistern.server.http.Reply;
import dev.cistern.server.http.ReplyBody;
import dev.cistern.server.http.Request;
import dev.cistern.storage.Blob;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * A manifest or blob to send in a response. The response contains the whole, a range, several
 * ranges, or only the fact that the content has not changed (RFC 9110 sections 13 and 14). The
 * digest is the entity tag.
 *
 * @param size bytes; -1 if the size is not known yet
 */
record Content(Digest digest, MediaType mediaType, long size, Source source) {
  /** The source of the bytes. */
  sealed interface Source {
    /** In memory. */
    record Memory(byte[] bytes) implements Source {}

    /** In a file. A response acquires a hold of its own. */
    record File(Blob blob) implements Source {}

    /** In the growing file of a fill. A response takes over the hold. */
    record Growing(Fill fill) implements Source {}

    /** At an upstream, to be passed through without being stored. A response takes it over. */
    record Direct(DirectBlob blob) implements Source {}

    /** No bytes, for a response without a body. */
    record HeadOnly() implements Source {}
  }

  /** Returns the response to a GET or HEAD. */
  Reply reply(Request request) {
    String tag = "\"" + digest + "\"";
    if (request.hasHeader("If-Match") && !tags(request, "If-Match").anyMatch(isOneOf(tag))) {
      throw new OciException(
              ErrorCode.UNSUPPORTED, "If-Match does not hold: the content is " + digest)
          .withStatus(412);
    }
    if (request.hasHeader("If-None-Match")
        && tags(request, "If-None-Match").map(Content::strong).anyMatch(isOneOf(tag))) {
      return described(Reply.status(304), tag);
    }
    List<ByteRanges.Range> ranges;
    try {
      ranges = ranges(request, tag);
    } catch (OciException e) {
      return Errors.reply(e).header("Content-Range", "bytes */" + size);
    }
    if (ranges.isEmpty()) {
      Reply reply = described(Reply.status(200), tag).header("Content-Type", mediaType.name());
      return reply.body(request.isHead() ? new ReplyBody.None(size) : part(0, size));
    }
    Reply reply = described(Reply.status(206), tag);
    if (ranges.size() == 1) {
      ByteRanges.Range range = ranges.getFirst();
      return reply
          .header("Content-Type", mediaType.name())
          .header("Content-Range", range.contentRange(size))
          .body(part(range.from(), range.count()));
    }
    String boundary = Long.toHexString(ThreadLocalRandom.current().nextLong());
    return reply
        .header("Content-Type", "multipart/byteranges; boundary=" + boundary)
        .body(parts(ranges, boundary));
  }

  private Reply described(Reply reply, String tag) {
    return reply
        .header("Docker-Content-Digest", digest.toString())
        .header("ETag", tag)
        .header("Accept-Ranges", "bytes");
  }

  /**
   * Returns the requested bytes of a blob, as far as the request determines them before the length
   * is known.
   *
   * @param size supplies the length, only for {@code bytes=-N}; -1 if it is not available
   */
  static Wanted wanted(Request request, Digest digest, LongSupplier size) {
    Optional<String> header = request.header("Range");
    boolean isWanted =
        header.isPresent()
            && request.header("If-Range").map(("\"" + digest + "\"")::equals).orElse(true);
    return isWanted ? ByteRanges.wanted(header.get(), size) : Wanted.ALL;
  }

  private static Stream<String> tags(Request request, String header) {
    return request.headers(header).stream()
        .flatMap(value -> Arrays.stream(value.split(",", -1)))
        .map(String::strip);
  }

  /**
   * Returns a tag without its weakness prefix. This server's tags are strong. If-None-Match
   * compares weakly, If-Match does not.
   */
  private static String strong(String tag) {
    return tag.startsWith("W/") ? tag.substring(2) : tag;
  }

  private static Predicate<String> isOneOf(String tag) {
    return value -> value.equals("*") || value.equals(tag);
  }

  /**
   * Returns the requested ranges, or an empty list for the whole. Only GET has ranges (RFC 9110
   * section 14.2).
   */
  private List<ByteRanges.Range> ranges(Request request, String tag) {
    Optional<String> header = request.header("Range");
    boolean isWanted =
        header.isPresent() && request.header("If-Range").map(tag::equals).orElse(true);
    if (!isWanted || size < 0 || request.isHead()) {
      return List.of();
    }
    List<ByteRanges.Range> ranges = ByteRanges.parse(header.get(), size);
    boolean isPossible =
        switch (source) {
          case Source.File file -> true;
          case Source.Direct(DirectBlob blob) -> blob.isPart();
          case Source.Memory memory -> ranges.size() == 1;
          case Source.Growing growing -> ranges.size() == 1;
          case Source.HeadOnly head -> ranges.size() == 1;
        };
    return isPossible ? ranges : List.of();
  }

  private ReplyBody part(long from, long count) {
    return switch (source) {
      case Source.Memory(byte[] bytes) ->
          new ReplyBody.Bytes(
              count == bytes.length
                  ? bytes
                  : Arrays.copyOfRange(bytes, (int) from, (int) (from + count)));
      case Source.File(Blob blob) -> {
        hold(blob);
        yield new ReplyBody.FilePart(blob, from, count);
      }
      case Source.Growing(Fill fill) ->
          new ReplyBody.Following(fill, from, count < 0 ? -1 : from + count);
      case Source.Direct(DirectBlob blob) -> new ReplyBody.Direct(blob);
      case Source.HeadOnly head -> new ReplyBody.None(count);
    };
  }

  private ReplyBody parts(List<ByteRanges.Range> ranges, String boundary) {
    if (!(source instanceof Source.File(Blob blob))) {
      throw new IllegalStateException("only files are sent in several parts");
    }
    hold(blob);
    var parts = new ArrayList<ReplyBody.Part>();
    for (ByteRanges.Range range : ranges) {
      String head =
          "\r\n--"
              + boundary
              + "\r\nContent-Type: "
              + mediaType
              + "\r\nContent-Range: "
              + range.contentRange(size)
              + "\r\n\r\n";
      parts.add(new ReplyBody.Part(head.getBytes(US_ASCII), range.from(), range.count()));
    }
    String end = "\r\n--" + boundary + "--\r\n";
    return new ReplyBody.FileParts(blob, parts, end.getBytes(US_ASCII));
  }

  private static void hold(Blob blob) {
    if (!blob.retain()) {
      throw new IllegalStateException("the file of " + blob.digest() + " is closed");
    }
  }
}
