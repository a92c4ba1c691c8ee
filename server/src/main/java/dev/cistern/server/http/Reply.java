package dev.cistern.server.http;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cistern.mirror.CacheStatus;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A response: status, header fields, body, and details for the log. Built by one thread. */
public final class Reply {
  private final int status;
  private final List<Header> headers = new ArrayList<>(8);
  private ReplyBody body = ReplyBody.NONE;
  private @Nullable CacheStatus cache;
  private @Nullable String reason;

  private Reply(int status) {
    this.status = status;
  }

  public static Reply status(int status) {
    return new Reply(status);
  }

  /** Adds a header field; several fields of one name are sent as several lines. */
  public Reply header(String name, String value) {
    headers.add(new Header(name, value));
    return this;
  }

  /** Advises to retry after {@code delay}, at least 1 s (RFC 9110 section 10.2.3). */
  public Reply retryAfter(Duration delay) {
    return header("Retry-After", Long.toString(Math.max(1, delay.toSeconds())));
  }

  public Reply body(ReplyBody content) {
    this.body = content;
    return this;
  }

  public Reply body(String contentType, String text) {
    return header("Content-Type", contentType).body(new ReplyBody.Bytes(text.getBytes(UTF_8)));
  }

  /** Records the cache status, in a header field and for the log. */
  public Reply cache(CacheStatus what) {
    this.cache = what;
    return header("Cache-Status", what.header());
  }

  /** Records the reason for the log. */
  public Reply because(String why) {
    this.reason = why;
    return this;
  }

  public int status() {
    return status;
  }

  public List<Header> headers() {
    return Collections.unmodifiableList(headers);
  }

  public ReplyBody body() {
    return body;
  }

  public @Nullable CacheStatus cache() {
    return cache;
  }

  public @Nullable String reason() {
    return reason;
  }
}
