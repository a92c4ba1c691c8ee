package dev.cistern.mirror.upstream;

import dev.cistern.oci.Descriptor;
import dev.cistern.oci.Manifest;
import dev.cistern.oci.MediaType;
import dev.cistern.oci.OciException;
import dev.cistern.oci.Tag;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.json.JsonMapper;

/**
 * A list that an upstream sends in pages, each with a Link header to the next (RFC 8288).
 *
 * <p>A page is at most 4 MiB; the list is at most 16 MiB, 1,000 pages and 100,000 entries. All
 * pages have the same scheme, host and port, and no page occurs twice. Used by one thread.
 */
final class PagedList<T> {
  /** Maximum size of a page, in bytes. */
  static final int MOST_PAGE_BYTES = Manifest.MAX_BYTES;

  private static final int MOST_BYTES = 4 * MOST_PAGE_BYTES;
  private static final int MOST_PAGES = 1_000;
  private static final int MOST_ENTRIES = 100_000;

  /** Estimated memory of an entry besides its text, in bytes. */
  private static final long ENTRY_BYTES = 64;

  private static final Pattern NEXT =
      Pattern.compile("<([^>]*)>\\s*;[^,<]*\\brel\\s*=\\s*\"?next\\b", Pattern.CASE_INSENSITIVE);
  private static final JsonMapper JSON = new JsonMapper();

  private final MediaType accept;
  private final Parser<T> parser;
  private final Set<URI> pages = new HashSet<>();
  private final List<T> entries = new ArrayList<>();
  private Optional<URI> next;
  private int bytes;

  private interface Parser<T> {
    void parse(byte[] page, Optional<MediaType> declared, Taker<T> taker) throws IOException;
  }

  private interface Taker<T> {
    void take(T entry) throws IOException;
  }

  private PagedList(MediaType accept, URI first, Parser<T> parser) {
    this.accept = accept;
    this.next = Optional.of(first);
    this.parser = parser;
  }

  /** Returns the list of tags whose first page is {@code first}; malformed tags are left out. */
  static PagedList<String> ofTags(URI first) {
    return new PagedList<>(MediaType.JSON, first, (page, declared, taker) -> tags(page, taker));
  }

  /** Returns the list of referrers, an index, whose first page is {@code first}. */
  static PagedList<Descriptor> ofReferrers(URI first) {
    return new PagedList<>(MediaType.OCI_INDEX, first, PagedList::referrers);
  }

  /** Returns the media type for the Accept header. */
  MediaType accept() {
    return accept;
  }

  /** Returns whether a page is parsed into a tree, and not token by token. */
  boolean isTree() {
    return accept.equals(MediaType.OCI_INDEX);
  }

  /** Returns the URI of the next page; empty after the last. */
  Optional<URI> next() {
    return next;
  }

  /** Returns whether at least one page has been added. */
  boolean isBegun() {
    return !pages.isEmpty();
  }

  /** Returns the entries of the pages so far, in their order. */
  List<T> entries() {
    return List.copyOf(entries);
  }

  /** Returns the estimated memory of the entries, in bytes. */
  long memory() {
    return bytes + ENTRY_BYTES * entries.size();
  }

  /**
   * Adds the next page.
   *
   * @param declared its Content-Type
   * @param links its Link headers
   * @throws IOException if the page is malformed, or the list exceeds its bounds
   */
  void add(byte[] page, Optional<MediaType> declared, List<String> links) throws IOException {
    URI here = next.orElseThrow();
    pages.add(here);
    bytes += page.length;
    if (bytes > MOST_BYTES) {
      throw new IOException("its list is larger than 16 MiB");
    }
    try {
      parser.parse(page, declared, this::take);
    } catch (JacksonException e) {
      throw new IOException("its list is not JSON", e);
    } catch (OciException e) {
      throw new IOException("its list is not valid: " + e.message(), e);
    }
    next = following(here, links);
  }

  private void take(T entry) throws IOException {
    if (entries.size() == MOST_ENTRIES) {
      throw new IOException("its list has more than " + MOST_ENTRIES + " entries");
    }
    entries.add(entry);
  }

  private Optional<URI> following(URI here, List<String> links) throws IOException {
    for (String link : links) {
      Matcher matcher = NEXT.matcher(link);
      if (matcher.find()) {
        URI there = resolved(here, matcher.group(1).strip());
        if (pages.contains(there)) {
          throw new IOException("its list leads back to a page that it has sent");
        }
        if (pages.size() == MOST_PAGES) {
          throw new IOException("its list has more than " + MOST_PAGES + " pages");
        }
        return Optional.of(there);
      }
    }
    return Optional.empty();
  }

  private static URI resolved(URI here, String link) throws IOException {
    URI there;
    try {
      // RFC 3986 section 5.3. The JDK implements the older RFC 2396, and drops "list".
      there = here.resolve(link.startsWith("?") ? here.getRawPath() + link : link);
    } catch (IllegalArgumentException e) {
      throw new IOException("its list goes on at what is no URI", e);
    }
    boolean isSame =
        here.getScheme().equals(there.getScheme())
            && there.getHost() != null
            && there.getRawUserInfo() == null
            && Destinations.origin(here).equals(Destinations.origin(there));
    if (!isSame) {
      throw new IOException("its list goes on at another host");
    }
    return there;
  }

  /** Reads the page token by token, because it may list a million malformed tags. */
  private static void tags(byte[] page, Taker<String> taker) throws IOException {
    boolean isThere = false;
    try (JsonParser parser = JSON.createParser(page)) {
      expect(parser.nextToken() == JsonToken.START_OBJECT);
      while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
        boolean isTags = parser.currentName().equals("tags");
        isThere |= isTags;
        JsonToken value = parser.nextToken();
        if (!isTags) {
          parser.skipChildren();
        } else if (value != JsonToken.VALUE_NULL) {
          expect(value == JsonToken.START_ARRAY);
          names(parser, taker);
        }
      }
    }
    expect(isThere);
  }

  private static void names(JsonParser parser, Taker<String> taker) throws IOException {
    for (JsonToken name = parser.nextToken();
        name != JsonToken.END_ARRAY;
        name = parser.nextToken()) {
      expect(name == JsonToken.VALUE_STRING);
      if (Tag.isTag(parser.getString())) {
        taker.take(parser.getString());
      }
    }
  }

  private static void expect(boolean isTrue) throws IOException {
    if (!isTrue) {
      throw new IOException("its list of tags is not of the form {\"tags\":[\"...\"]}");
    }
  }

  private static void referrers(byte[] page, Optional<MediaType> declared, Taker<Descriptor> taker)
      throws IOException {
    if (!(Manifest.parse(page, declared) instanceof Manifest.Index index)) {
      throw new IOException("its list of referrers is not an index");
    }
    for (Descriptor descriptor : index.manifests()) {
      taker.take(descriptor);
    }
  }
}
