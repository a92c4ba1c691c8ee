package dev.cistern.server.http;

import dev.cistern.base.MemoryBudget.Lease;
import dev.cistern.mirror.DirectBlob;
import dev.cistern.storage.Blob;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpHeadersFactory;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpHeadersFactory;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The only writer of responses. Runs on the connection's event loop. Bytes are sent from memory,
 * and files by the kernel ({@code sendfile}). A {@link Tail} sends growing files, and a {@link
 * Relay} content that is not stored.
 */
@SuppressWarnings("FutureReturnValueIgnored") // the promise receives the result of a write
final class ReplyWriter {
  private static final Logger LOG = LoggerFactory.getLogger(ReplyWriter.class);
  private static final HttpHeadersFactory HEADERS =
      DefaultHttpHeadersFactory.headersFactory().withValidation(false);
  private static final DateTimeFormatter IMF_DATE =
      DateTimeFormatter.ofPattern("EEE, dd MMM yyyy HH:mm:ss 'GMT'", Locale.ROOT)
          .withZone(ZoneOffset.UTC);

  /**
   * The maximum number of bytes of a generated body that the kernel accepts before it can send
   * them.
   */
  private static final int UNSENT_BYTES = 64 << 10;

  private final InstantSource clock;
  private final Executor threads;
  private volatile Date date = new Date(Long.MIN_VALUE, "");

  /**
   * @param threads the executor for work that waits
   */
  ReplyWriter(InstantSource clock, Executor threads) {
    this.clock = clock;
    this.threads = threads;
  }

  private record Date(long second, String text) {}

  /** Writes a short response from memory that does not belong to a request. */
  void write(ChannelHandlerContext context, Reply reply, Framing framing, ChannelPromise done) {
    write(
        context,
        reply,
        framing,
        () -> {
          throw new IllegalStateException("nothing passes through");
        },
        done,
        sent -> {});
  }

  /**
   * Writes a response.
   *
   * @param framing the framing; if the length is unknown, a client without chunks is not kept alive
   * @param passThrough the supplier of the lease for the rest of a blob for which the store has no
   *     space
   * @param done the promise that is fulfilled when the kernel has taken the last byte; the caller
   *     fails it when the client leaves before
   * @param counting the consumer of the counter of sent bytes; it is called before the first byte,
   *     for a body with a file, a download or pieces
   */
  void write(
      ChannelHandlerContext context,
      Reply reply,
      Framing framing,
      Supplier<Lease> passThrough,
      ChannelPromise done,
      Consumer<LongSupplier> counting) {
    switch (reply.body()) {
      case ReplyBody.None(long length) ->
          writeAll(context, reply, framing, Unpooled.EMPTY_BUFFER, length, done);
      case ReplyBody.Bytes(byte[] bytes) ->
          writeAll(
              context,
              reply,
              framing,
              framing.isHead() ? Unpooled.EMPTY_BUFFER : Unpooled.wrappedBuffer(bytes),
              bytes.length,
              done);
      case ReplyBody.FilePart(Blob blob, long from, long count) -> {
        var section = new FileSection(blob.channel(), from, count);
        counting.accept(section::sent);
        hold(context, blob, done);
        context.write(head(reply, framing, count));
        context.write(section);
        context.writeAndFlush(LastHttpContent.EMPTY_LAST_CONTENT, done);
      }
      case ReplyBody.FileParts parts -> writeParts(context, reply, framing, parts, done, counting);
      case ReplyBody.Following following -> {
        long length = following.end() < 0 ? -1 : following.end() - following.from();
        context.writeAndFlush(head(reply, framing, length));
        var tail =
            new Tail(
                context,
                following.fill(),
                following.from(),
                following.end(),
                passThrough,
                threads,
                done);
        counting.accept(tail::sent);
        tail.begin();
      }
      case ReplyBody.Direct(DirectBlob blob) -> {
        context.writeAndFlush(head(reply, framing, blob.count()));
        Relay relay = Relay.of(context, blob, done);
        counting.accept(relay::sent);
        relay.begin(threads);
      }
      case ReplyBody.Pieces pieces -> {
        NativeTransport.limitUnsent(context.channel(), UNSENT_BYTES);
        done.addListener(
            Loop.after(
                context,
                "end of pieces",
                ended -> NativeTransport.limitUnsent(context.channel(), 0)));
        context.writeAndFlush(head(reply, framing, -1));
        Relay relay = Relay.of(context, pieces, done);
        counting.accept(relay::sent);
        relay.begin(threads);
      }
    }
  }

  /** Returns whether the length of a response's body is known. */
  static boolean hasLength(Reply reply) {
    return switch (reply.body()) {
      case ReplyBody.Following following -> following.end() >= 0;
      case ReplyBody.Direct(DirectBlob blob) -> blob.count() >= 0;
      case ReplyBody.Pieces pieces -> false;
      case ReplyBody.None none -> true;
      case ReplyBody.Bytes bytes -> true;
      case ReplyBody.FilePart part -> true;
      case ReplyBody.FileParts parts -> true;
    };
  }

  /** Releases the resources of a response that is not written. */
  static void release(Reply reply) {
    switch (reply.body()) {
      case ReplyBody.FilePart part -> part.blob().release();
      case ReplyBody.FileParts parts -> parts.blob().release();
      case ReplyBody.Following following -> following.fill().release();
      case ReplyBody.Direct(DirectBlob blob) -> blob.close();
      case ReplyBody.Pieces pieces -> pieces.source().close();
      case ReplyBody.None none -> {}
      case ReplyBody.Bytes bytes -> {}
    }
  }

  /**
   * Corks the connection for content of {@code blob}; uncorks it and releases the blob at the end.
   */
  private static void hold(ChannelHandlerContext context, Blob blob, ChannelPromise done) {
    NativeTransport.cork(context.channel(), true);
    done.addListener(
        Loop.after(
            context,
            "end of a file",
            ended -> {
              NativeTransport.cork(context.channel(), false);
              if (!ended.isSuccess()
                  && FileSection.isAtFault(blob.channel(), blob.size(), ended.cause())) {
                LOG.atError()
                    .addKeyValue("digest", blob.digest())
                    .addKeyValue("reason", "its file cannot be read to the end")
                    .log("reply cut");
                blob.suspect();
              }
              blob.release();
            }));
  }

  /** Returns whether a response failed because a file that it sends is damaged. */
  static boolean isCutByFile(Reply reply, Throwable failure) {
    return switch (reply.body()) {
      case ReplyBody.FilePart part ->
          FileSection.isAtFault(part.blob().channel(), part.blob().size(), failure);
      case ReplyBody.FileParts parts ->
          FileSection.isAtFault(parts.blob().channel(), parts.blob().size(), failure);
      default -> false;
    };
  }

  private void writeAll(
      ChannelHandlerContext context,
      Reply reply,
      Framing framing,
      ByteBuf content,
      long length,
      ChannelPromise done) {
    var response =
        new DefaultFullHttpResponse(
            HttpVersion.HTTP_1_1,
            HttpResponseStatus.valueOf(reply.status()),
            content,
            HEADERS.newHeaders(),
            HEADERS.newEmptyHeaders());
    fill(response.headers(), reply, framing);
    if (length >= 0 && reply.status() != 204 && reply.status() != 304) {
      response.headers().set(HttpHeaderNames.CONTENT_LENGTH, Long.toString(length));
    }
    context.writeAndFlush(response, done);
  }

  private void writeParts(
      ChannelHandlerContext context,
      Reply reply,
      Framing framing,
      ReplyBody.FileParts parts,
      ChannelPromise done,
      Consumer<LongSupplier> counting) {
    List<FileSection> sections =
        parts.parts().stream()
            .map(part -> new FileSection(parts.blob().channel(), part.from(), part.count()))
            .toList();
    counting.accept(() -> sections.stream().mapToLong(FileSection::sent).sum());
    hold(context, parts.blob(), done);
    long length = parts.end().length;
    for (ReplyBody.Part part : parts.parts()) {
      length += part.head().length + part.count();
    }
    context.write(head(reply, framing, length));
    for (int i = 0; i < sections.size(); i++) {
      context.write(new DefaultHttpContent(Unpooled.wrappedBuffer(parts.parts().get(i).head())));
      context.write(sections.get(i));
    }
    context.write(new DefaultHttpContent(Unpooled.wrappedBuffer(parts.end())));
    context.writeAndFlush(LastHttpContent.EMPTY_LAST_CONTENT, done);
  }

  private DefaultHttpResponse head(Reply reply, Framing framing, long length) {
    var response =
        new DefaultHttpResponse(
            HttpVersion.HTTP_1_1, HttpResponseStatus.valueOf(reply.status()), HEADERS);
    fill(response.headers(), reply, framing);
    if (length >= 0) {
      response.headers().set(HttpHeaderNames.CONTENT_LENGTH, Long.toString(length));
    } else if (framing.knowsChunks()) {
      response.headers().set(HttpHeaderNames.TRANSFER_ENCODING, HttpHeaderValues.CHUNKED);
    }
    return response;
  }

  private void fill(HttpHeaders headers, Reply reply, Framing framing) {
    headers.add(HttpHeaderNames.DATE, date());
    for (Header header : reply.headers()) {
      headers.add(header.name(), header.value());
    }
    if (!framing.isKeptAlive()) {
      headers.add(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
    }
  }

  private String date() {
    Instant now = clock.instant();
    Date last = date;
    if (last.second != now.getEpochSecond()) {
      last = new Date(now.getEpochSecond(), IMF_DATE.format(now));
      date = last;
    }
    return last.text;
  }
}
