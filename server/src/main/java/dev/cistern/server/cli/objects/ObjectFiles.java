package dev.cistern.server.cli.objects;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cistern.server.config.YamlSettings;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Files with objects in YAML or JSON, as several documents or as a List. */
public final class ObjectFiles {
  private static final Pattern NAMES = Pattern.compile(".*\\.(?:yaml|yml|json)");

  private ObjectFiles() {}

  /**
   * An object from a file.
   *
   * @param file the name of the file for messages
   */
  public record Item(ObjectNode object, String file) {}

  /**
   * Reads files.
   *
   * @param name the name of a file or of a directory, whose subdirectories are not read; or {@code
   *     -} for {@code in}
   * @throws IOException if a file cannot be read
   * @throws ObjectException if there is no such file, or a file contains no objects or invalid ones
   */
  public static List<Item> read(String name, InputStream in) throws IOException {
    if (name.equals("-")) {
      return parsed(in.readAllBytes(), "STDIN");
    }
    Path path = Path.of(name);
    if (!Files.exists(path)) {
      throw new ObjectException("the path " + Quoted.of(name) + " does not exist");
    }
    if (!Files.isDirectory(path)) {
      return parsed(Files.readAllBytes(path), name);
    }
    var items = new ArrayList<Item>();
    try (Stream<Path> files = Files.list(path)) {
      for (Path file :
          files.filter(one -> NAMES.matcher(one.toString()).matches()).sorted().toList()) {
        items.addAll(parsed(Files.readAllBytes(file), file.toString()));
      }
    }
    if (items.isEmpty()) {
      throw new ObjectException(
          "error reading [%s]: recognized file extensions are [.json .yaml .yml]".formatted(name));
    }
    return items;
  }

  private static List<Item> parsed(byte[] bytes, String file) {
    var items = new ArrayList<Item>();
    String text = new String(bytes, UTF_8);
    LoadSettings settings = YamlSettings.of(text, file).setAllowDuplicateKeys(false).build();
    try {
      for (Object document : new Load(settings).loadAllFromString(text)) {
        if (document != null) {
          add(items, JsonMapper.shared().valueToTree(document), file);
        }
      }
    } catch (YamlEngineException | IllegalArgumentException e) { // the latter for an unusual tag
      throw new ObjectException("error parsing " + file + ": " + e.getMessage());
    }
    if (items.isEmpty()) {
      throw new ObjectException("no objects passed to apply, create or delete: none in " + file);
    }
    return items;
  }

  private static void add(List<Item> items, JsonNode document, String file) {
    if (!(document instanceof ObjectNode object)) {
      throw new ObjectException("error parsing " + file + ": an object is expected");
    }
    String kind = object.path("kind").asString("");
    if (kind.endsWith("List") && object.path("items").isArray()) {
      object.path("items").forEach(item -> add(items, item, file));
      return;
    }
    for (String key : List.of("apiVersion", "kind")) {
      if (object.path(key).asString("").isEmpty()) {
        throw new ObjectException(
            "error validating %s: error validating data: %s not set"
                .formatted(Quoted.of(file), key));
      }
    }
    items.add(new Item(object, file));
  }
}
