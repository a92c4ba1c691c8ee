package dev.cistern.auth.credentials;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A docker configuration file ({@code config.json}, {@code .dockerconfigjson}, podman's {@code
 * auth.json}): the entries below {@code auths}.
 *
 * <p>The most specific key wins: for {@code h/a/b} the keys {@code h/a/b}, {@code h/a}, {@code h}
 * are looked up in this order. Keys are normalised: a scheme and an API path ({@code /v1/}, {@code
 * /v2/}) are cut, and all names of Docker Hub are one.
 */
public final class DockerConfig implements Keyring {
  private static final JsonMapper JSON = new JsonMapper();

  private final Map<String, Credentials> entries;

  private DockerConfig(Map<String, Credentials> entries) {
    this.entries = entries;
  }

  /**
   * Reads a file.
   *
   * @throws CredentialsException naming the file and, where one is at fault, the key
   */
  public static DockerConfig read(Path file) {
    try {
      return parse(Files.readAllBytes(file), file.toString());
    } catch (IOException e) {
      throw new CredentialsException(file + ": cannot be read: " + e, e);
    }
  }

  static DockerConfig parse(byte[] json, String source) {
    JsonNode auths;
    try {
      auths = JSON.readTree(json).path("auths");
    } catch (JacksonException e) {
      throw new CredentialsException(source + ": not JSON: " + e.getOriginalMessage());
    }
    if (!auths.isObject()) {
      throw new CredentialsException(source + ": auths is missing or not an object");
    }
    var entries = new HashMap<String, Credentials>();
    for (Map.Entry<String, JsonNode> entry : auths.properties()) {
      String where = source + ": auths." + entry.getKey();
      credentials(entry.getValue(), where)
          .ifPresent(found -> entries.put(normalise(entry.getKey()), found));
    }
    return new DockerConfig(Map.copyOf(entries));
  }

  @Override
  public Optional<Credentials> find(String host, String repository) {
    String key = normalise(host) + (repository.isEmpty() ? "" : "/" + repository);
    while (true) {
      Credentials found = entries.get(key);
      if (found != null) {
        return Optional.of(found);
      }
      int slash = key.lastIndexOf('/');
      if (slash < 0) {
        return Optional.empty();
      }
      key = key.substring(0, slash);
    }
  }

  private static String normalise(String key) {
    String text = key.toLowerCase(Locale.ROOT);
    int scheme = text.indexOf("://");
    boolean isUrl = scheme >= 0;
    text = isUrl ? text.substring(scheme + 3) : text;
    int slash = text.indexOf('/');
    String host = slash < 0 ? text : text.substring(0, slash);
    String path = slash < 0 || isUrl ? "" : text.substring(slash);
    boolean isHub =
        host.equals("index.docker.io")
            || host.equals("registry-1.docker.io")
            || host.equals("docker.io");
    if (isHub) {
      host = "docker.io";
      path = path.startsWith("/v1") || path.startsWith("/v2") ? "" : path;
    }
    return path.endsWith("/") ? host + path.substring(0, path.length() - 1) : host + path;
  }

  private static Optional<Credentials> credentials(JsonNode entry, String where) {
    String identityToken = entry.path("identitytoken").asString("");
    String auth = entry.path("auth").asString("");
    if (auth.isEmpty()) {
      String username = entry.path("username").asString("");
      String password = entry.path("password").asString("");
      return username.isEmpty() && identityToken.isEmpty()
          ? Optional.empty()
          : Optional.of(new Credentials(username, password, identityToken));
    }
    String pair;
    try {
      pair = new String(Base64.getDecoder().decode(auth), UTF_8);
    } catch (IllegalArgumentException e) {
      throw new CredentialsException(where + ".auth is not base64");
    }
    int colon = pair.indexOf(':');
    if (colon < 0) {
      throw new CredentialsException(where + ".auth is not the base64 of user:password");
    }
    String password = pair.substring(colon + 1).replaceAll("\0+$", "");
    return Optional.of(new Credentials(pair.substring(0, colon), password, identityToken));
  }
}
