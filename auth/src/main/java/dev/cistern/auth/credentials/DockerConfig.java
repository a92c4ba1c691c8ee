package dev.cistern.auth.credentials;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * A Docker configuration file: {@code config.json}, {@code .dockerconfigjson} or Podman's {@code
 * auth.json} with their entries below {@code auths}, or the older {@code .dockercfg}, which has the
 * entries alone.
 *
 * <p>A helper that {@code credHelpers} names for a host takes precedence over {@code auths}. Both
 * take precedence over the helper of {@code credsStore}, which is asked for all other hosts. An
 * entry that cannot be read is reported as a problem; the other entries still work.
 */
public final class DockerConfig implements Keyring {
  private static final JsonMapper JSON = new JsonMapper();
  private static final String AUTHS = "auths";
  private static final String HELPERS = "credHelpers";
  private static final String STORE = "credsStore";
  private static final String HUB = "docker.io";

  /** Docker's name for its own registry in requests to a helper. */
  private static final String SERVER_OF_HUB = "https://index.docker.io/v1/";

  private final String source;
  private final Programs programs;
  private final Entries entries = new Entries();
  private final Map<String, Helper> helpers = new HashMap<>();
  private final List<String> problems = new ArrayList<>();
  private @Nullable CredentialHelper store;

  private DockerConfig(String source, Programs programs) {
    this.source = source;
    this.programs = programs;
  }

  /** A helper, and the key that names it. */
  private record Helper(String key, CredentialHelper program) {}

  /**
   * Reads a file.
   *
   * @throws CredentialsException if it cannot be read; the message names the file
   */
  public static DockerConfig read(Path file) {
    try {
      return parse(Files.readAllBytes(file), file.toString());
    } catch (IOException e) {
      throw new CredentialsException(file + ": cannot be read: " + e, e);
    }
  }

  /**
   * Reads the content of a file.
   *
   * @param source the origin of the content, for messages and entries
   * @throws CredentialsException if it is not JSON, or not such a file
   */
  public static DockerConfig parse(byte[] json, String source) {
    return parse(json, source, Programs.ofEnvironment());
  }

  static DockerConfig parse(byte[] json, String source, Programs programs) {
    JsonNode root = tree(json, source + ": ");
    var config = new DockerConfig(source, programs);
    if (isOld(root)) {
      config.readEntries(root, "");
      return config;
    }
    JsonNode auths = root.path(AUTHS);
    boolean hasHelpers = root.has(HELPERS) || root.has(STORE);
    if (!auths.isObject() && !(hasHelpers && auths.isMissingNode())) {
      throw new CredentialsException(
          source
              + ": auths is missing or not an object;"
              + " {\"auths\": {\"HOST\": {\"auth\": \"...\"}}} is expected");
    }
    config.readEntries(auths, AUTHS + ".");
    config.readHelpers(root.path(HELPERS));
    config.readStore(root.path(STORE));
    return config;
  }

  /**
   * Returns the content of a file with one entry added or replaced; everything else is unchanged.
   *
   * @param before the previous content; empty for a new file
   * @throws CredentialsException if that is not a Docker configuration, or the entry is invalid
   */
  public static byte[] withLogin(byte[] before, String registry, String username, String password) {
    RegistryKey key = RegistryKey.parse(registry);
    if (username.isEmpty() || username.indexOf(':') >= 0) {
      throw new CredentialsException("a user name is expected, not empty and without a colon");
    }
    boolean isNew = new String(before, UTF_8).isBlank();
    if (!((isNew ? JSON.createObjectNode() : tree(before, "")) instanceof ObjectNode root)) {
      throw new CredentialsException("not a docker configuration: not a JSON object");
    }
    ObjectNode entry = JSON.createObjectNode().put("auth", AuthEntry.encode(username, password));
    if (isOld(root)) {
      replace(root, key, registry, entry);
    } else {
      JsonNode auths = root.path(AUTHS);
      if (!auths.isObject() && !auths.isMissingNode() && !auths.isNull()) {
        throw new CredentialsException("not a docker configuration: auths is not an object");
      }
      ObjectNode kept = auths instanceof ObjectNode object ? object : JSON.createObjectNode();
      replace(kept, key, registry, entry);
      root.set(AUTHS, kept);
    }
    String text = JSON.writerWithDefaultPrettyPrinter().writeValueAsString(root);
    return (text + "\n").getBytes(UTF_8);
  }

  /** Replaces all entries for the same key, in any spelling, by one entry. */
  private static void replace(ObjectNode entries, RegistryKey key, String text, JsonNode entry) {
    for (String other : List.copyOf(entries.propertyNames())) {
      if (isSame(key, other)) {
        entries.remove(other);
      }
    }
    entries.set(text, entry);
  }

  private static boolean isSame(RegistryKey key, String other) {
    try {
      return RegistryKey.parse(other).equals(key);
    } catch (CredentialsException e) {
      return false; // not a key: it stays as it is
    }
  }

  @Override
  public Optional<Entry> entry(String host, String repository) {
    return entry(List.of(host), repository);
  }

  /** The helper of {@code credsStore} is asked last, and for the host without the default port. */
  @Override
  public Optional<Entry> entryFor(String host, String repository, boolean isHttp) {
    return entry(RegistryKey.hosts(host, isHttp), repository);
  }

  private Optional<Entry> entry(List<String> hosts, String repository) {
    return first(hosts, this::ofHelper)
        .or(() -> first(hosts, host -> entries.find(host, repository)))
        .or(() -> ofStore(hosts.getLast().toLowerCase(Locale.ROOT)));
  }

  private static Optional<Entry> first(
      List<String> hosts, Function<String, Optional<Entry>> question) {
    return hosts.stream().map(question).flatMap(Optional::stream).findFirst();
  }

  @Override
  public List<String> problems() {
    return List.copyOf(problems);
  }

  private Optional<Entry> ofHelper(String host) {
    Helper helper = helpers.get(RegistryKey.canonical(host.toLowerCase(Locale.ROOT)));
    return helper == null
        ? Optional.empty()
        : ask(helper.program(), helper.key(), HELPERS + "." + helper.key())
            .map(credentials -> new Entry(source, helper.key(), credentials));
  }

  private Optional<Entry> ofStore(String host) {
    String server = RegistryKey.canonical(host).equals(HUB) ? SERVER_OF_HUB : host;
    return store == null
        ? Optional.empty()
        : ask(store, server, STORE).map(credentials -> new Entry(source, STORE, credentials));
  }

  private Optional<Credentials> ask(CredentialHelper helper, String server, String key) {
    try {
      return helper.get(server);
    } catch (CredentialsException e) {
      throw new CredentialsException(source + ": " + key + ": " + e.text(), e);
    }
  }

  private void readEntries(JsonNode auths, String prefix) {
    for (Map.Entry<String, JsonNode> auth : auths.properties()) {
      String where = source + ": " + prefix + RegistryKey.redacted(auth.getKey());
      noting(
          where,
          key ->
              AuthEntry.read(auth.getValue(), where)
                  .ifPresent(found -> entries.add(key, new Entry(source, auth.getKey(), found))),
          auth.getKey());
    }
  }

  private void readHelpers(JsonNode named) {
    if (!named.isObject() && !named.isMissingNode()) {
      problems.add(source + ": credHelpers is not an object such as {\"HOST\": \"NAME\"}");
    }
    for (Map.Entry<String, JsonNode> entry : named.properties()) {
      String where = source + ": " + HELPERS + "." + RegistryKey.redacted(entry.getKey());
      noting(
          where,
          key -> {
            CredentialHelper program = helper(entry.getValue(), where);
            helpers.put(RegistryKey.canonical(key.host()), new Helper(entry.getKey(), program));
          },
          entry.getKey());
    }
  }

  private void readStore(JsonNode name) {
    boolean isNone = name.isMissingNode() || (name.isString() && name.stringValue().isEmpty());
    if (!isNone) {
      try {
        store = helper(name, source + ": " + STORE);
      } catch (CredentialsException e) {
        problems.add(e.text());
      }
    }
  }

  private CredentialHelper helper(JsonNode name, String where) {
    try {
      return CredentialHelper.named(name.isString() ? name.stringValue() : "", programs);
    } catch (CredentialsException e) {
      throw new CredentialsException(where + ": " + e.text(), e);
    }
  }

  /** Reads an entry; an error in it is recorded as a problem of this file. */
  private void noting(String where, Consumer<RegistryKey> reader, String key) {
    RegistryKey parsed;
    try {
      parsed = RegistryKey.parse(key);
    } catch (CredentialsException e) {
      problems.add(where + ": " + e.text());
      return;
    }
    try {
      reader.accept(parsed);
    } catch (CredentialsException e) {
      problems.add(e.text());
    }
  }

  /**
   * Returns whether this is a {@code .dockercfg}: hosts and their entries, without enclosing
   * object.
   */
  private static boolean isOld(JsonNode root) {
    boolean isNew = root.has(AUTHS) || root.has(HELPERS) || root.has(STORE);
    return !isNew
        && root.properties().stream().anyMatch(property -> AuthEntry.isLike(property.getValue()));
  }

  /** Parses JSON. An error message contains no part of it, because that may be a secret. */
  private static JsonNode tree(byte[] json, String prefix) {
    try {
      return JSON.readTree(json);
    } catch (JacksonException e) {
      TokenStreamLocation at = e.getLocation();
      String place =
          at == null ? "" : " (line " + at.getLineNr() + ", column " + at.getColumnNr() + ")";
      throw new CredentialsException(prefix + "not JSON" + place);
    }
  }
}
