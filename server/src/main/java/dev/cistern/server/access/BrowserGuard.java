package dev.cistern.server.access;

import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import dev.cistern.oci.Texts;
import dev.cistern.server.http.HeaderNames;
import dev.cistern.server.http.Request;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The defense against web pages. A page can have its visitor's browser send requests to servers
 * that the page itself cannot reach. Browsers mark these requests with {@code Origin} or {@code
 * Sec-Fetch-Site} (Fetch Standard, Fetch Metadata). Registry clients, Prometheus, {@code oc} and
 * {@code kubectl} send neither. A page whose own name was pointed at this server (DNS rebinding) is
 * recognized by the name in {@code Host}.
 *
 * <p>Runs on an event loop, once for each request, and does not block. Safe for all threads.
 */
public final class BrowserGuard {
  private static final String TYPED = "none";

  private final PrivateHosts hosts;
  private final boolean isPrivate;
  private final boolean isOpen;
  private final BooleanSupplier anybodyChanges;
  private volatile String lastHost = "localhost";

  /**
   * @param names the names by which clients know this server
   * @param isPrivate whether the server listens on loopback only and authentication is disabled;
   *     then every request needs such a name
   * @param isOpen whether authentication is disabled, so that credentials have no effect
   * @param anybodyChanges whether clients may change something without credentials
   */
  public BrowserGuard(
      Collection<String> names, boolean isPrivate, boolean isOpen, BooleanSupplier anybodyChanges) {
    this.isOpen = isOpen;
    this.hosts = new PrivateHosts(names);
    this.isPrivate = isPrivate;
    this.anybodyChanges = anybodyChanges;
  }

  /** Returns the reason for refusing a request, or null to accept it. */
  public @Nullable OciException refusal(Request request, BrowserRule rule) {
    if (rule == BrowserRule.NONE) {
      return null;
    }
    if (request.hasHeader(HeaderNames.ORIGIN)) {
      return ofPage("Origin");
    }
    if (request.hasHeader(HeaderNames.SEC_FETCH_SITE) && !isTyped(request)) {
      return ofPage("Sec-Fetch-Site");
    }
    if (isPrivate || (rule == BrowserRule.REFUSED_AND_CHANGES_BY_NAME && isOpenChange(request))) {
      return underName(request);
    }
    return null;
  }

  /**
   * Returns whether a user typed the address into the browser: a GET or HEAD, which changes
   * nothing, with {@code Sec-Fetch-Site: none}.
   */
  private static boolean isTyped(Request request) {
    return request.isGetOrHead()
        && request.headers(HeaderNames.SEC_FETCH_SITE).stream().allMatch(TYPED::equals);
  }

  private boolean isOpenChange(Request request) {
    return !request.isGetOrHead()
        && (isOpen || !request.hasHeader(HeaderNames.AUTHORIZATION))
        && anybodyChanges.getAsBoolean();
  }

  private static OciException ofPage(String header) {
    return new OciException(
        ErrorCode.DENIED,
        "requests of web pages are refused: the header " + header + " is present",
        "use a registry client, oc, kubectl or curl without this header");
  }

  private @Nullable OciException underName(Request request) {
    Optional<String> absolute = request.authority();
    if (absolute.isPresent() && !isKnown(absolute.get())) {
      return unknown(absolute.get());
    }
    List<String> sent =
        request.headers(HeaderNames.HOST); // one, or none in HTTP/1.0, which no browser sends
    return sent.isEmpty() || isKnown(sent.getFirst()) ? null : unknown(sent.getFirst());
  }

  private boolean isKnown(String host) {
    if (host.equals(lastHost)) {
      return true;
    }
    boolean isKnown = hosts.contains(host);
    if (isKnown) {
      lastHost = host;
    }
    return isKnown;
  }

  private static OciException unknown(String host) {
    return new OciException(
        ErrorCode.DENIED,
        "the host " + Texts.shown(host) + " is not a name of this server",
        "if clients know this server by that name, add to cistern.yaml: names: ["
            + Texts.cut(host.toLowerCase(Locale.ROOT))
            + "]");
  }
}
