package dev.cistern.mirror.upstream;

import dev.cistern.auth.credentials.Keyring;
import dev.cistern.base.MemoryBudget;
import dev.cistern.base.MemoryBudget.Lease;
import dev.cistern.base.MonotonicClock;
import dev.cistern.oci.Descriptor;
import dev.cistern.oci.Digest;
import dev.cistern.oci.Manifest;
import dev.cistern.oci.MediaType;
import dev.cistern.oci.OciException;
import dev.cistern.oci.Reference;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import java.io.IOException;
import java.net.URI;
import java.net.UnknownHostException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/**
 * A client for one upstream registry. Every request returns an {@link Answer}; no exception is
 * thrown for the behavior of an upstream. Blocking; called from virtual threads.
 */
public final class Upstream implements AutoCloseable {
  private static final String MANIFEST_TYPES =
      String.join(
          ", ",
          MediaType.OCI_INDEX.name(),
          MediaType.OCI_IMAGE.name(),
          MediaType.DOCKER_LIST.name(),
          MediaType.DOCKER_IMAGE.name());
  private static final int LOOP = 508;

  /** The message of the JDK's exception for received data that is not TLS. */
  private static final String NO_TLS = "Unsupported or unrecognized SSL message";

  private static final int RANGE_NOT_SATISFIABLE = 416;
  private static final int TAGS_A_PAGE = 1000;

  /** Maximum time for all pages of a list. */
  public static final Duration WHOLE_LIST = Duration.ofMinutes(5);

  private static final int LONGEST_TAG_HASH = 64;
  private static final Pattern LENGTH = Pattern.compile("\\d{1,18}");
  private static final Pattern UNSATISFIED_RANGE = Pattern.compile("bytes \\*/(\\d{1,18})");
  private static final Pattern CONTENT_RANGE =
      Pattern.compile("bytes (\\d{1,18})-\\d+/(\\d{1,18}|\\*)");

  /** Statuses besides 404 of registries that do not know an endpoint. */
  private static final Set<Integer> UNKNOWN_ENDPOINT = Set.of(400, 405, 406);

  private final UpstreamSettings settings;
  private final Transport transport;
  private final Tokens tokens;
  private final InstantSource clock;
  private final InstantSource running;
  private final Optional<String> via;
  private final AtomicReference<@Nullable RateLimit> rateLimit;

  private Upstream(
      UpstreamSettings settings,
      Transport transport,
      Tokens tokens,
      InstantSource clock,
      InstantSource running,
      AtomicReference<@Nullable RateLimit> rateLimit,
      Optional<String> via) {
    this.settings = settings;
    this.transport = transport;
    this.tokens = tokens;
    this.clock = clock;
    this.running = running;
    this.rateLimit = rateLimit;
    this.via = via;
  }

  /** Creates the client; sends no request to the upstream. */
  public static Upstream open(UpstreamSettings settings, InstantSource clock, MemoryBudget memory) {
    return open(settings, clock, memory, MonotonicClock.SYSTEM);
  }

  /**
   * Creates the client, as {@link #open(UpstreamSettings, InstantSource, MemoryBudget)} does.
   *
   * @param running the clock for the lifetimes of tokens; see {@link MonotonicClock}
   */
  static Upstream open(
      UpstreamSettings settings, InstantSource clock, MemoryBudget memory, InstantSource running) {
    var transport = new Transport(settings, memory);
    return new Upstream(
        settings,
        transport,
        new Tokens(settings, transport, running),
        clock,
        running,
        new AtomicReference<>(),
        Optional.empty());
  }

  /** Returns a client for the same upstream, over the same connections, with other credentials. */
  public Upstream with(Keyring keyring) {
    UpstreamSettings other = settings.with(keyring);
    return new Upstream(
        other, transport, new Tokens(other, transport, running), clock, running, rateLimit, via);
  }

  /** Returns a client for the same upstream that sends this value of the Via header. */
  public Upstream via(String proxies) {
    return new Upstream(
        settings, transport, tokens, clock, running, rateLimit, Optional.of(proxies));
  }

  public UpstreamSettings settings() {
    return settings;
  }

  /** Returns the last rate limit that the upstream reported, if any. */
  public Optional<RateLimit> rateLimit() {
    return Optional.ofNullable(rateLimit.get());
  }

  /**
   * Requests the digest of a tag, without the manifest. Empty if the upstream does not report it.
   */
  public Answer<Optional<Digest>> headManifest(RepositoryName repository, Reference reference) {
    return ask(
        "HEAD",
        repository,
        "/manifests/" + reference,
        Map.of("Accept", MANIFEST_TYPES),
        response -> contentDigest(response));
  }

  /** Fetches a manifest of at most {@link Manifest#MAX_BYTES}. */
  public Answer<RemoteManifest> manifest(RepositoryName repository, Reference reference) {
    return ask(
        "GET",
        repository,
        "/manifests/" + reference,
        Map.of("Accept", MANIFEST_TYPES),
        this::manifest);
  }

  private RemoteManifest manifest(Transport.Response response) throws IOException {
    Lease lease = transport.lease();
    try {
      byte[] bytes =
          response
              .body(Manifest.MAX_BYTES, lease)
              .orElseThrow(() -> new IOException("its manifest is larger than 4 MiB"));
      return new RemoteManifest(
          response.header("Content-Type").flatMap(Upstream::mediaType),
          contentDigest(response),
          bytes,
          lease,
          transport.tree(bytes));
    } catch (IOException | RuntimeException e) {
      lease.close();
      throw e;
    }
  }

  /**
   * Requests the size of a blob in bytes; -1 if the upstream has the blob but does not report its
   * size.
   */
  public Answer<Long> headBlob(RepositoryName repository, Digest digest) {
    return ask(
        "HEAD", repository, "/blobs/" + digest, Map.of(), response -> contentLength(response));
  }

  /**
   * Opens a blob from byte {@code from} on; the caller closes the returned blob. A redirect target
   * may deny a request that it permitted before, because a signature has expired. In that case, the
   * registry is asked once for another redirect.
   */
  public Answer<RemoteBlob> openBlob(RepositoryName repository, Digest digest, long from) {
    return openBlob(repository, digest, from, OptionalLong.empty());
  }

  /**
   * Opens a blob from byte {@code from} on, up to {@code last} (inclusive); the caller closes the
   * returned blob. It begins at 0 if the upstream does not support ranges. It is empty if the range
   * is beyond the end of the blob.
   */
  public Answer<RemoteBlob> openBlob(
      RepositoryName repository, Digest digest, long from, OptionalLong last) {
    if (!transport.takeBlobConnection()) {
      return new Answer.Busy<>(
          "all of its " + limits().blobs() + " connections for blobs are used");
    }
    Answer<RemoteBlob> answer = new Answer.Missing<>();
    try {
      answer = openInTurn(repository, digest, from, last);
    } finally {
      if (!(answer instanceof Answer.Found)) {
        transport.giveBlobConnection();
      }
    }
    return answer instanceof Answer.Found<RemoteBlob>(RemoteBlob blob)
        ? new Answer.Found<>(blob.andThen(transport::giveBlobConnection))
        : answer;
  }

  private Answer<RemoteBlob> openInTurn(
      RepositoryName repository, Digest digest, long from, OptionalLong last) {
    var headers = new HashMap<>(Map.of("Accept-Encoding", "identity"));
    if (from > 0 || last.isPresent()) {
      String to = last.isPresent() ? Long.toString(last.getAsLong()) : "";
      headers.put("Range", "bytes=" + from + "-" + to);
    }
    try {
      URI blob = uri(repository, "/blobs/" + digest);
      Transport.Response response = authorised("GET", repository, blob, headers, Deadline.NONE);
      if (response.isElsewhere() && isRefusal(response.status())) {
        response.close();
        response = authorised("GET", repository, blob, headers, Deadline.NONE);
      }
      try {
        if (response.status() == RANGE_NOT_SATISFIABLE && headers.containsKey("Range")) {
          OptionalLong size = sizeOfUnsatisfied(response);
          if (size.isPresent() && size.getAsLong() <= from) {
            return new Answer.Found<>(RemoteBlob.beyond(response, from, size.getAsLong()));
          }
          response.close();
          return openInTurn(repository, digest, 0, OptionalLong.empty());
        }
        Answer<RemoteBlob> answer =
            switch (response.status()) {
              case 200 -> new Answer.Found<>(new RemoteBlob(response, 0, contentLength(response)));
              case 206 -> new Answer.Found<>(ranged(response));
              default -> failure(response);
            };
        if (!(answer instanceof Answer.Found)) {
          response.close();
        }
        return answer;
      } catch (IOException e) {
        response.close();
        throw e;
      }
    } catch (IOException e) {
      return failure(e);
    }
  }

  /** Fetches all tags of a repository, over all pages; see {@link PagedList} for the bounds. */
  public Answer<List<String>> tags(RepositoryName repository) {
    URI first = uri(repository, "/tags/list?n=" + TAGS_A_PAGE);
    return list(repository, PagedList.ofTags(first), Set.of(), Deadline.in(WHOLE_LIST));
  }

  /**
   * Fetches the referrers of a manifest, over all pages. If the upstream has no referrers endpoint,
   * the list is fetched by the tag that replaces it (distribution specification, "Referrers Tag
   * Schema"). Missing if the upstream has neither.
   */
  public Answer<List<Descriptor>> referrers(RepositoryName repository, Digest subject) {
    Deadline deadline = Deadline.in(WHOLE_LIST);
    URI endpoint = uri(repository, "/referrers/" + subject);
    Answer<List<Descriptor>> answer =
        list(repository, PagedList.ofReferrers(endpoint), UNKNOWN_ENDPOINT, deadline);
    if (!(answer instanceof Answer.Missing)) {
      return answer;
    }
    URI tag = uri(repository, "/manifests/" + referrersTag(subject));
    return list(repository, PagedList.ofReferrers(tag), Set.of(), deadline);
  }

  /** Closes idle connections; the client remains usable. */
  public void closeIdle() {
    transport.closeIdle();
  }

  @Override
  public void close() throws IOException {
    transport.close();
  }

  @Override
  public String toString() {
    return settings.name();
  }

  private interface Reader<T> {
    T read(Transport.Response response) throws IOException;
  }

  /** Requests a small answer, which has to arrive completely in time. */
  private <T> Answer<T> ask(
      String method,
      RepositoryName repository,
      String path,
      Map<String, String> headers,
      Reader<T> reader) {
    Deadline deadline = Deadline.in(limits().answer());
    try (Transport.Response response =
        authorised(method, repository, uri(repository, path), headers, deadline)) {
      return response.status() == 200
          ? new Answer.Found<>(reader.read(response))
          : failure(response);
    } catch (IOException e) {
      return failure(e);
    }
  }

  private Limits limits() {
    return settings.connection().limits();
  }

  /**
   * Fetches a list page by page.
   *
   * @param absent statuses with the meaning of 404
   * @param deadline the deadline for all pages
   */
  private <T> Answer<List<T>> list(
      RepositoryName repository, PagedList<T> list, Set<Integer> absent, Deadline deadline) {
    Map<String, String> headers = Map.of("Accept", list.accept().name());
    Lease kept = transport.lease();
    try {
      for (Optional<URI> page = list.next(); page.isPresent(); page = list.next()) {
        Deadline ofPage = deadline.orIn(limits().answer());
        try (Transport.Response response =
            authorised("GET", repository, page.get(), headers, ofPage)) {
          if (response.status() != 200) {
            boolean isAbsent = response.status() == 404 || absent.contains(response.status());
            if (isAbsent && list.isBegun()) {
              throw new IOException("its list ends with " + response.status());
            }
            return isAbsent ? new Answer.Missing<>() : failure(response);
          }
          long before = list.memory();
          add(response, list);
          Transport.take(kept, list.memory() - before);
        }
      }
      return new Answer.Found<>(list.entries());
    } catch (IOException e) {
      return failure(e);
    } finally {
      kept.close();
    }
  }

  private void add(Transport.Response response, PagedList<?> list) throws IOException {
    try (Lease text = transport.lease()) {
      byte[] page =
          response
              .body(PagedList.MOST_PAGE_BYTES, text)
              .orElseThrow(() -> new IOException("a page of its list is larger than 4 MiB"));
      try (Lease _ = list.isTree() ? transport.tree(page) : transport.lease()) {
        list.add(
            page,
            response.header("Content-Type").flatMap(Upstream::mediaType),
            response.headers("Link"));
      }
    }
  }

  private static Tag referrersTag(Digest subject) {
    String hash = subject.hex();
    return new Tag(
        subject.algorithm() + "-" + hash.substring(0, Math.min(hash.length(), LONGEST_TAG_HASH)));
  }

  private URI uri(RepositoryName repository, String path) {
    return settings.endpoint().resolve("/v2/" + repository + path);
  }

  private Map<String, String> withVia(Map<String, String> headers) {
    if (via.isEmpty()) {
      return headers;
    }
    var all = new HashMap<>(headers);
    all.put("Via", via.get());
    return all;
  }

  /**
   * Sends a request, and repeats it with the next authorization for each 401. Only a 401 of the
   * registry itself counts, because a redirect target must not decide who receives a token.
   */
  private Transport.Response authorised(
      String method,
      RepositoryName repository,
      URI uri,
      Map<String, String> headers,
      Deadline deadline)
      throws IOException {
    Tokens.Login login = tokens.login(repository, deadline);
    while (true) {
      Transport.Response response =
          transport.send(method, uri, withVia(headers), login.header(), deadline);
      note(response);
      Optional<Challenge> challenge =
          response.status() == 401 && !response.isElsewhere()
              ? Challenge.choose(response.headers("WWW-Authenticate"), "bearer", "basic")
              : Optional.empty();
      if (challenge.isEmpty()) {
        if (response.status() < 300) {
          login.accept();
        }
        return response;
      }
      response.close();
      login.meet(challenge.get());
    }
  }

  private static boolean isRefusal(int status) {
    return status == 401 || status == 403;
  }

  private void note(Transport.Response response) {
    if (!response.isElsewhere()) {
      RateLimit.parse(
              response.header("ratelimit-limit").orElse(""),
              response.header("ratelimit-remaining").orElse(""),
              clock.instant())
          .ifPresent(rateLimit::set);
    }
  }

  /** Returns the blob's size from a 416 response (RFC 9110 section 14.4). */
  private static OptionalLong sizeOfUnsatisfied(Transport.Response response) {
    Matcher matcher = UNSATISFIED_RANGE.matcher(response.header("Content-Range").orElse(""));
    return matcher.matches()
        ? OptionalLong.of(Long.parseLong(matcher.group(1)))
        : OptionalLong.empty();
  }

  private static RemoteBlob ranged(Transport.Response response) throws IOException {
    String range = response.header("Content-Range").orElse("");
    Matcher matcher = CONTENT_RANGE.matcher(range);
    if (!matcher.matches()) {
      throw new IOException("it sent a partial answer without a Content-Range");
    }
    long size = matcher.group(2).equals("*") ? -1 : Long.parseLong(matcher.group(2));
    return new RemoteBlob(response, Long.parseLong(matcher.group(1)), size);
  }

  private <T> Answer<T> failure(Transport.Response response) {
    int status = response.status();
    return switch (status) {
      case 404 -> new Answer.Missing<>();
      case 401, 403 -> new Answer.Refused<>("it answered " + status);
      case LOOP -> new Answer.Circle<>();
      case 429 -> new Answer.Throttled<>(response.header("Retry-After").flatMap(this::delay));
      case 503 ->
          new Answer.Unreachable<>(
              "it answered 503", response.header("Retry-After").flatMap(this::delay));
      default -> new Answer.Unreachable<>("it answered " + status);
    };
  }

  private <T> Answer<T> failure(IOException e) {
    if (e instanceof TokenRefusedException) {
      return new Answer.Refused<>(String.valueOf(e.getMessage()));
    }
    if (e instanceof TokenThrottledException throttled) {
      return new Answer.Throttled<>(throttled.retryAfter().flatMap(this::delay));
    }
    if (e instanceof Transport.BusyException) {
      return new Answer.Busy<>(Answer.NO_MEMORY);
    }
    if (e instanceof SSLException && NO_TLS.equals(e.getMessage())) {
      return new Answer.Unreachable<>(Answer.PLAIN_HTTP);
    }
    String name = e instanceof UnknownHostException ? "unknown host: " : "";
    return new Answer.Unreachable<>(
        name + (e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage()));
  }

  private Optional<Duration> delay(String text) {
    return RetryAfter.parse(text, clock.instant());
  }

  private static Optional<Digest> contentDigest(Transport.Response response) {
    return response
        .header("Docker-Content-Digest")
        .flatMap(text -> {
          try {
            return Optional.of(Digest.parse(text));
          } catch (OciException notADigest) {
            return Optional.empty();
          }
        });
  }

  private static Optional<MediaType> mediaType(String text) {
    try {
      return Optional.of(MediaType.parse(text));
    } catch (OciException notAMediaType) {
      return Optional.empty();
    }
  }

  /** Returns -1 if the length is missing or not a number of up to 18 digits. */
  private static long contentLength(Transport.Response response) {
    return response
        .header("Content-Length")
        .filter(text -> LENGTH.matcher(text).matches())
        .map(Long::parseLong)
        .orElse(-1L);
  }
}
