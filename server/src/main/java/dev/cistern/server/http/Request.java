package dev.cistern.server.http;

import io.netty.handler.codec.http.HttpRequest;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A request. Its head is complete; its body comes while it is read. */
public final class Request {
  private final HttpRequest head;
  private final RequestBody body;
  private final String client;
  private final int pathEnd;
  private @Nullable Query query;
  private @Nullable String repository;
  private @Nullable String reference;

  Request(HttpRequest head, RequestBody body, String client) {
    this.head = head;
    this.body = body;
    this.client = client;
    int question = head.uri().indexOf('?');
    this.pathEnd = question < 0 ? head.uri().length() : question;
  }

  public String method() {
    return head.method().name();
  }

  public boolean isHead() {
    return head.method().name().equals("HEAD");
  }

  public boolean isGetOrHead() {
    return head.method().name().equals("GET") || isHead();
  }

  /** Returns path and query as they were sent. */
  public String target() {
    return head.uri();
  }

  /** Returns the path as it was sent, percent signs and all. */
  public String path() {
    return head.uri().substring(0, pathEnd);
  }

  /**
   * Returns the parameters after the question mark, decoded.
   *
   * @throws dev.cistern.oci.OciException if they cannot be
   */
  public Query query() {
    Query parsed = query;
    if (parsed == null) {
      String uri = head.uri();
      parsed = Query.parse(pathEnd < uri.length() ? uri.substring(pathEnd + 1) : "");
      query = parsed;
    }
    return parsed;
  }

  /** Returns the first field of that name. */
  public Optional<String> header(String name) {
    return Optional.ofNullable(head.headers().get(name));
  }

  /** Says whether there is a field of that name. */
  public boolean hasHeader(String name) {
    return head.headers().contains(name);
  }

  /** Returns all fields of that name. */
  public List<String> headers(String name) {
    return head.headers().getAll(name);
  }

  public RequestBody body() {
    return body;
  }

  /** Returns the client's address. */
  public String client() {
    return client;
  }

  /** Tells the log what it is about. */
  public void about(String ofRepository, String ofReference) {
    this.repository = ofRepository;
    this.reference = ofReference;
  }

  public @Nullable String repository() {
    return repository;
  }

  public @Nullable String reference() {
    return reference;
  }
}
