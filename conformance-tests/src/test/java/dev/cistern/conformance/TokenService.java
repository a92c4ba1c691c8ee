package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.Base64;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Gives out tokens (distribution's "Token Authentication Specification") and knows them again. */
final class TokenService {
  private final Set<String> valid = ConcurrentHashMap.newKeySet();
  private final AtomicInteger given = new AtomicInteger();
  private volatile @Nullable String wanted;

  /** Returns the Authorization header of a user. */
  static String basic(String user, String password) {
    return "Basic " + Base64.getEncoder().encodeToString((user + ":" + password).getBytes(UTF_8));
  }

  /** Gives tokens only to this user; before it was called, to everybody. */
  void only(String user, String password) {
    wanted = basic(user, password);
  }

  /** Ends all tokens that were given. */
  void revoke() {
    valid.clear();
  }

  /** Says whether the request has a token that is good for its repository. */
  boolean admits(Received request) {
    return request
        .header("authorization")
        .filter(header -> valid.contains(header + " for " + repository(request.path())))
        .isPresent();
  }

  private static String repository(String path) {
    return path.replaceFirst("/v2/(.*)/(manifests|blobs|tags)/.*", "$1");
  }

  UpstreamReply answer(Received request) {
    @Nullable String secret = wanted;
    boolean isKnown = secret == null || request.header("authorization").equals(Optional.of(secret));
    var scope = Pattern.compile("[?&]scope=repository%3A(.*?)%3Apull").matcher(request.target());
    if (!isKnown || !scope.find()) {
      return UpstreamReply.of(401, Map.of(), "{\"details\":\"who are you?\"}".getBytes(UTF_8));
    }
    String token = "token-" + given.incrementAndGet();
    String repository = scope.group(1).replace("%2F", "/");
    valid.add("Bearer " + token + " for " + repository);
    String json = "{\"token\":\"" + token + "\",\"expires_in\":300}";
    return UpstreamReply.of(200, Map.of("Content-Type", "application/json"), json.getBytes(UTF_8));
  }
}
