package dev.cistern.mirror.rules;

import dev.cistern.mirror.rules.RegistriesConf.Mirror;
import dev.cistern.mirror.rules.RegistriesConf.Registry;
import dev.cistern.oci.Texts;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.toml.TomlMapper;

/**
 * A reader of registries.conf that refuses the same files as containers/image. Keys that do not
 * affect the sources of images are ignored.
 */
final class RegistriesFile {
  private static final String SEARCH = "unqualified-search-registries";
  private static final String PULL_FROM = "pull-from-mirror";
  private static final Set<String> SHORT_NAME_MODES =
      Set.of("", "enforcing", "permissive", "disabled");
  private static final int LONGEST_HOST = 255;

  /**
   * Maximum length of a file, in characters. The files of a cluster's nodes are shorter. Parsing a
   * file of this length takes seconds.
   */
  private static final int LONGEST_FILE = 1 << 20;

  private static final String LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
  private static final Pattern HOST = Pattern.compile(LABEL + "(?:\\." + LABEL + ")*(?::[0-9]+)?");

  private final String file;

  RegistriesFile(String file) {
    this.file = file;
  }

  RegistriesConf parse(String toml) {
    JsonNode root = read(toml);
    if (root.has("registries")) {
      throw refused(
          "registries",
          "this is version 1 of the format, which has no mirrors; version 2 is wanted:"
              + " unqualified-search-registries, and [[registry]] tables with location, blocked,"
              + " insecure");
    }
    String mode = string("short-name-mode", root.get("short-name-mode"));
    if (!SHORT_NAME_MODES.contains(mode)) {
      throw refused(
          "short-name-mode", Texts.shown(mode) + " is not one of enforcing, permissive, disabled");
    }
    return new RegistriesConf(searchRegistries(root.get(SEARCH)), registries(root.get("registry")));
  }

  private JsonNode read(String toml) {
    if (toml.length() > LONGEST_FILE) {
      throw new RulesException(
          "%s: it has %d characters, and %d are the most that are read: one entry for a registry or"
                  .formatted(file, toml.length(), LONGEST_FILE)
              + " a namespace does for all below it");
    }
    try {
      return TomlMapper.shared().readTree(toml);
    } catch (JacksonException e) {
      int line = e.getLocation() == null ? 0 : e.getLocation().getLineNr();
      String where = line > 0 ? "line " + line + ": " : "";
      throw new RulesException(
          file + ": " + where + "not TOML: " + Texts.cut(e.getOriginalMessage()));
    }
  }

  private List<String> searchRegistries(@Nullable JsonNode node) {
    var hosts = new ArrayList<String>();
    for (JsonNode element : array(SEARCH, node)) {
      String field = SEARCH + "[" + hosts.size() + "]";
      String host = Scopes.checked(file + ": " + field, string(field, element));
      if (host.length() > LONGEST_HOST || !HOST.matcher(host).matches()) {
        throw refused(field, Texts.shown(host) + " is not a host: write host[:port]");
      }
      hosts.add(host);
    }
    return hosts;
  }

  private List<Registry> registries(@Nullable JsonNode node) {
    var all = new ArrayList<Registry>();
    for (JsonNode element : array("registry", node)) {
      all.add(registry("registry[" + all.size() + "]", element));
    }
    refuseContradictions(all);
    var first = new LinkedHashMap<String, Registry>();
    all.forEach(registry -> first.putIfAbsent(registry.prefix(), registry));
    return List.copyOf(first.values());
  }

  private Registry registry(String path, JsonNode table) {
    requireTable(path, table);
    if (table.has(PULL_FROM)) {
      throw refused(
          path + "." + PULL_FROM, "it belongs to a mirror: write it under [[registry.mirror]]");
    }
    String location = location(path + ".location", table.get("location"));
    if (location.indexOf('*') >= 0) {
      throw refused(path + ".location", "a wildcard is a prefix: write prefix = \"*.host\"");
    }
    String written = location(path + ".prefix", table.get("prefix"));
    String prefix = written.isEmpty() ? location : written;
    if (prefix.isEmpty()) {
      throw refused(path, "it has neither prefix nor location: write location = \"host[:port]\"");
    }
    if (location.isEmpty() && !Scopes.isWildcard(prefix)) {
      throw refused(
          path + ".location", "it is missing: only a prefix of the form *.host can do without");
    }
    boolean byDigestOnly = flag(path, table, "mirror-by-digest-only");
    var mirrors = new ArrayList<Mirror>();
    for (JsonNode mirror : array(path + ".mirror", table.get("mirror"))) {
      mirrors.add(mirror(path + ".mirror[" + mirrors.size() + "]", mirror, byDigestOnly));
    }
    return new Registry(
        prefix,
        location,
        flag(path, table, "blocked"),
        flag(path, table, "insecure"),
        byDigestOnly,
        mirrors);
  }

  private Mirror mirror(String path, JsonNode table, boolean isByDigestOnly) {
    requireTable(path, table);
    String location = location(path + ".location", table.get("location"));
    if (location.isEmpty()) {
      throw refused(path + ".location", "it is missing: write location = \"host[:port][/path]\"");
    }
    if (location.indexOf('*') >= 0) {
      throw refused(path + ".location", "a mirror is one place: write it without a wildcard");
    }
    String field = path + "." + PULL_FROM;
    String pulls = string(field, table.get(PULL_FROM));
    if (isByDigestOnly && !pulls.isEmpty()) {
      throw refused(
          field,
          "the registry has mirror-by-digest-only = true, and both at once are refused: remove"
              + " that and write pull-from-mirror = \"digest-only\" at each mirror");
    }
    Optional<PullFrom> pullFrom = PullFrom.of(pulls);
    if (pullFrom.isEmpty() && !pulls.isEmpty()) {
      throw refused(field, Texts.shown(pulls) + " is not one of all, digest-only, tag-only");
    }
    return new Mirror(location, flag(path, table, "insecure"), pullFrom);
  }

  /** Refuses entries that have the same location but differ in blocked or insecure. */
  private void refuseContradictions(List<Registry> registries) {
    Map<String, Integer> byLocation = new HashMap<>();
    for (int i = 0; i < registries.size(); i++) {
      Registry registry = registries.get(i);
      String location = registry.location().isEmpty() ? registry.prefix() : registry.location();
      int other = byLocation.getOrDefault(location, i);
      byLocation.putIfAbsent(location, i);
      Registry first = registries.get(other);
      refuseContradiction(i, "blocked", registry.isBlocked(), first.isBlocked(), location, other);
      refuseContradiction(
          i, "insecure", registry.isInsecure(), first.isInsecure(), location, other);
    }
  }

  private void refuseContradiction(
      int index, String key, boolean value, boolean otherValue, String location, int other) {
    if (value != otherValue) {
      throw refused(
          "registry[" + index + "]." + key,
          "it is "
              + value
              + " for "
              + Texts.shown(location)
              + ", and "
              + otherValue
              + " in registry["
              + other
              + "]: write the same in all entries of one location");
    }
  }

  private String location(String field, @Nullable JsonNode node) {
    String text = string(field, node);
    return text.isEmpty() ? "" : Scopes.checked(file + ": " + field, text);
  }

  private Iterable<JsonNode> array(String field, @Nullable JsonNode node) {
    if (node == null) {
      return List.of();
    }
    if (!node.isArray()) {
      throw refused(
          field,
          field.equals(SEARCH)
              ? "an array of hosts is wanted: [\"host\", ...]"
              : "an array of tables is wanted, each headed by [["
                  + (field.equals("registry") ? "registry" : "registry.mirror")
                  + "]]");
    }
    return node;
  }

  private void requireTable(String path, JsonNode node) {
    if (!node.isObject()) {
      throw refused(path, "a table is wanted, with location = \"host[:port][/path]\"");
    }
  }

  /** Returns the text of a string node, or an empty text if there is no node. */
  private String string(String field, @Nullable JsonNode node) {
    if (node == null) {
      return "";
    }
    if (!node.isString()) {
      throw refused(field, "a text in quotes is wanted");
    }
    return node.stringValue();
  }

  private boolean flag(String path, JsonNode table, String key) {
    JsonNode node = table.get(key);
    if (node != null && !node.isBoolean()) {
      throw refused(path + "." + key, "true or false is wanted, without quotes");
    }
    return node != null && node.booleanValue();
  }

  private RulesException refused(String field, String why) {
    return new RulesException(file + ": " + field + ": " + why);
  }
}
