package dev.cistern.server.access;

import dev.cistern.auth.access.AccessException;
import dev.cistern.auth.access.Impersonation;
import dev.cistern.auth.access.Principal;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import dev.cistern.oci.Texts;
import dev.cistern.server.http.Request;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The headers {@code Impersonate-User}, {@code -Group}, {@code -Uid} and {@code -Extra-KEY}. By
 * them, {@code oc} and {@code kubectl} have a caller act as another user ("User impersonation").
 */
public final class ImpersonationHeaders {
  private static final String PREFIX = "Impersonate-";
  private static final String USER = "user";
  private static final String GROUP = "group";
  private static final String UID = "uid";
  private static final String EXTRA = "extra-";

  private ImpersonationHeaders() {}

  /** Returns whether a request has an impersonation header, known or unknown. */
  public static boolean arePresent(Request request) {
    return request.hasHeaderStartingWith(PREFIX);
  }

  /** Returns the refusal of a request whose route does not support impersonation. */
  public static OciException refusal(boolean hasUsers) {
    return new OciException(
        ErrorCode.DENIED,
        hasUsers
            ? "impersonation is not possible on this path"
            : "impersonation is not possible on a server without users",
        hasUsers
            ? "use the Impersonate- headers with the API and /admin/ only"
            : "configure access: with users, or remove the Impersonate- headers");
  }

  /**
   * Returns the impersonation that a request asks for. The request has at least one of these
   * headers.
   *
   * @throws OciException with status 400 if the user is missing or a value is invalid
   */
  static Impersonation read(Request request, Principal by) {
    SortedMap<String, List<String>> sent = request.headersStartingWith(PREFIX);
    String user = only(sent, USER);
    String uid = only(sent, UID);
    List<String> groups = sent.getOrDefault(GROUP, List.of());
    var extra = new TreeMap<String, List<String>>();
    sent.forEach((name, values) -> {
      if (name.startsWith(EXTRA)) {
        extra.put(decoded(name.substring(EXTRA.length())), values);
      } else if (!List.of(USER, GROUP, UID).contains(name)) {
        throw wrong("the header " + PREFIX + Texts.cut(name) + " is unknown");
      }
    });
    if (user.isEmpty()) {
      throw wrong("the header Impersonate-User is missing beside " + PREFIX + sent.firstKey());
    }
    try {
      return new Impersonation(by, user, groups, uid, extra);
    } catch (AccessException e) {
      throw wrong("Impersonate headers: " + e.getMessage());
    }
  }

  private static String only(SortedMap<String, List<String>> sent, String name) {
    List<String> values = sent.getOrDefault(name, List.of(""));
    if (values.size() > 1) {
      throw wrong("the header " + PREFIX + name + " is present more than once");
    }
    return values.getFirst();
  }

  /** Decodes a key, which clients percent-encode to fit into a header name. */
  private static String decoded(String key) {
    try {
      return URLDecoder.decode(key.replace("+", "%2B"), StandardCharsets.UTF_8)
          .toLowerCase(Locale.ROOT);
    } catch (IllegalArgumentException e) {
      throw wrong("the key of Impersonate-Extra-" + Texts.cut(key) + " cannot be decoded");
    }
  }

  private static OciException wrong(String what) {
    return new OciException(ErrorCode.UNSUPPORTED, what).withStatus(400);
  }
}
