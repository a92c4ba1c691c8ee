package dev.cistern.server.http;

import dev.cistern.base.MemoryBudget;
import dev.cistern.base.MemoryBudget.Account;
import dev.cistern.base.MemoryBudget.Lease;
import dev.cistern.oci.ErrorCode;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.util.AsciiString;
import java.io.IOException;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** A request. Its head is complete; its body arrives while it is read. */
public final class Request {
  private final HttpRequest head;
  private final String target;
  private final RequestBody body;
  private final String client;
  private final Optional<X509Certificate> certificate;
  private final MemoryBudget memory;
  private List<Lease> untilDecided = List.of();
  private final int pathEnd;
  private @Nullable Query query;
  private @Nullable String repository;
  private @Nullable String reference;
  private @Nullable String principal;
  private @Nullable String impersonatedUser;
  private List<String> impersonatedGroups = List.of();
  private @Nullable String user;
  private @Nullable Lease replyLease;
  private @Nullable Runnable ending;
  private @Nullable String deed;

  Request(
      HttpRequest head,
      RequestBody body,
      String client,
      Optional<X509Certificate> certificate,
      MemoryBudget memory) {
    this.memory = memory;
    this.head = head;
    this.body = body;
    this.client = client;
    this.certificate = certificate;
    this.target = originForm(head.uri());
    int question = target.indexOf('?');
    this.pathEnd = question < 0 ? target.length() : question;
  }

  /** Removes scheme and host, which a client may send as to a proxy (RFC 9112 section 3.2.2). */
  private static String originForm(String uri) {
    boolean isAbsolute =
        uri.regionMatches(true, 0, "http://", 0, "http://".length())
            || uri.regionMatches(true, 0, "https://", 0, "https://".length());
    if (!isAbsolute) {
      return uri;
    }
    int path = uri.indexOf('/', uri.indexOf("://") + "://".length());
    return path < 0 ? "/" : uri.substring(path);
  }

  /**
   * Returns host and port of a target that was sent as to a proxy. They take precedence over the
   * Host header (RFC 9112 section 3.2.2).
   */
  public Optional<String> authority() {
    String uri = head.uri();
    if (uri.length() == target.length() && uri.equals(target)) {
      return Optional.empty();
    }
    int from = uri.indexOf("://") + "://".length();
    int slash = uri.indexOf('/', from);
    return Optional.of(slash < 0 ? uri.substring(from) : uri.substring(from, slash));
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

  /** Returns path and query as sent, but without scheme and host. */
  public String target() {
    return target;
  }

  /** Returns the path as sent, without percent-decoding. */
  public String path() {
    return target.substring(0, pathEnd);
  }

  /**
   * Returns the decoded parameters after the question mark.
   *
   * @throws dev.cistern.oci.OciException if they cannot be decoded
   */
  public Query query() {
    Query parsed = query;
    if (parsed == null) {
      parsed = Query.parse(pathEnd < target.length() ? target.substring(pathEnd + 1) : "");
      query = parsed;
    }
    return parsed;
  }

  /** Returns the first header field of that name. */
  public Optional<String> header(String name) {
    return Optional.ofNullable(head.headers().get(name));
  }

  /** Returns whether there is a header field of that name. */
  public boolean hasHeader(CharSequence name) {
    return head.headers().contains(name);
  }

  /** Returns all header fields of that name. */
  public List<String> headers(CharSequence name) {
    return head.headers().getAll(name);
  }

  /**
   * Returns whether there is a header field whose name begins with {@code prefix}, ignoring case.
   */
  public boolean hasHeaderStartingWith(String prefix) {
    Iterator<Map.Entry<CharSequence, CharSequence>> fields = head.headers().iteratorCharSequence();
    while (fields.hasNext()) {
      if (AsciiString.regionMatches(fields.next().getKey(), true, 0, prefix, 0, prefix.length())) {
        return true;
      }
    }
    return false;
  }

  /**
   * Returns the values of all header fields whose names begin with {@code prefix}, ignoring case.
   * The keys are the rest of the names in lower case.
   */
  public SortedMap<String, List<String>> headersStartingWith(String prefix) {
    var found = new TreeMap<String, List<String>>();
    for (Map.Entry<String, String> field : head.headers()) {
      String name = field.getKey();
      if (name.regionMatches(true, 0, prefix, 0, prefix.length())) {
        found
            .computeIfAbsent(
                name.substring(prefix.length()).toLowerCase(Locale.ROOT), key -> new ArrayList<>())
            .add(field.getValue());
      }
    }
    return found;
  }

  public RequestBody body() {
    return body;
  }

  /**
   * Reads the whole body. Its memory is released when the handler returns.
   *
   * @param most the maximum length in bytes
   * @throws dev.cistern.oci.OciException with {@code tooLarge} and status 413, if the body is
   *     longer
   * @throws MemoryBudget.RefusedException if there is no memory for it
   */
  public byte[] content(int most, ErrorCode tooLarge) throws IOException {
    return body.readAll(most, tooLarge, untilDecided(Account.REQUEST_BODIES));
  }

  /**
   * Takes memory for the tree of a JSON text, until the handler returns; may block.
   *
   * @throws MemoryBudget.RefusedException if there is none
   */
  public void parses(byte[] text) {
    untilDecided(Account.PARSED_TREES)
        .take(MemoryBudget.treeBytes(text.length), MemoryBudget.PATIENCE);
  }

  /**
   * Takes memory for stored objects that are read whole and changed, until the handler returns; may
   * block.
   *
   * @param bytes the memory of the objects before and after the change
   * @throws MemoryBudget.RefusedException if there is none
   */
  public void changes(long bytes) {
    untilDecided(Account.QUEUED_CHANGES).take(bytes, MemoryBudget.PATIENCE);
  }

  private Lease untilDecided(Account account) {
    Lease lease = lease(account);
    if (untilDecided.isEmpty()) {
      untilDecided = new ArrayList<>(2);
    }
    untilDecided.add(lease);
    return lease;
  }

  /** Returns an empty lease that is held by the client and, if known, by the user. */
  public Lease lease(Account account) {
    return memory.lease(account, holders());
  }

  /** Counts a rejection that is not reported by a {@link MemoryBudget.RefusedException}. */
  public void countRefusal() {
    memory.countRefusal();
  }

  private List<String> holders() {
    String address = "address " + client;
    return user == null ? List.of(address) : List.of(address, "user " + user);
  }

  /** Releases the memory that only the handler needed. */
  void decided() {
    untilDecided.forEach(Lease::close);
  }

  /**
   * Takes memory for the response to a change, before the change is made.
   *
   * @param bytes the approximate length of the response
   * @throws MemoryBudget.RefusedException if there is none
   */
  public void reserveReply(long bytes) {
    replyLease(Account.RESPONSES).take(bytes);
  }

  /** Returns the lease for the response, which the first call creates for its account. */
  Lease replyLease(Account account) {
    Lease lease = replyLease;
    if (lease == null) {
      lease = lease(account);
      replyLease = lease;
    }
    return lease;
  }

  /** Returns the client's address. */
  public String client() {
    return client;
  }

  /** Returns the certificate of the client, signed by one of the configured authorities. */
  public Optional<X509Certificate> certificate() {
    return certificate;
  }

  /** Records the repository and reference of the request for the log. */
  public void about(String ofRepository, String ofReference) {
    this.repository = ofRepository;
    this.reference = ofReference;
  }

  /**
   * Sets an action that runs once when the response is sent or the client has left. Only the first
   * action is kept.
   */
  public void atEnd(Runnable action) {
    if (ending == null) {
      ending = action;
    }
  }

  /** Returns whether there is an action for the end. */
  public boolean hasEnding() {
    return ending != null;
  }

  void end() {
    body.discard();
    decided();
    if (replyLease != null) {
      replyLease.close();
    }
    if (ending != null) {
      ending.run();
    }
  }

  /** Records the principal of the request for the log. */
  public void by(String name) {
    this.principal = name;
  }

  /** Records the user that the principal of {@link #by} impersonates or tries to, for the log. */
  public void as(String user, List<String> groups) {
    this.impersonatedUser = user;
    this.impersonatedGroups = List.copyOf(groups);
  }

  /** Returns the impersonated user, or null. */
  public @Nullable String impersonatedUser() {
    return impersonatedUser;
  }

  /** Returns the groups that were requested with that user. */
  public List<String> impersonatedGroups() {
    return impersonatedGroups;
  }

  /**
   * Sets the user that, beside the address, holds the memory that this request takes from now on.
   */
  public void heldBy(String name) {
    this.user = name;
  }

  /** Records the change for the audit log, in words. */
  public void did(String what) {
    this.deed = what;
  }

  public @Nullable String deed() {
    return deed;
  }

  public @Nullable String principal() {
    return principal;
  }

  public @Nullable String repository() {
    return repository;
  }

  public @Nullable String reference() {
    return reference;
  }
}
