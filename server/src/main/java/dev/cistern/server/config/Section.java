package dev.cistern.server.config;

import dev.cistern.oci.Texts;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Compose;
import org.snakeyaml.engine.v2.api.lowlevel.Parse;
import org.snakeyaml.engine.v2.events.CollectionEndEvent;
import org.snakeyaml.engine.v2.events.CollectionStartEvent;
import org.snakeyaml.engine.v2.events.Event;
import org.snakeyaml.engine.v2.exceptions.Mark;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;
import org.snakeyaml.engine.v2.nodes.Tag;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/**
 * A mapping of a YAML file. Callers request each key by name and type. {@link #end} refuses the
 * keys that were not requested. Every error has the form {@code FILE:LINE: PATH: PROBLEM}.
 */
final class Section {
  private static final Pattern INTEGER = Pattern.compile("-?\\d{1,18}");
  private static final Pattern NUMBER = Pattern.compile("\\d{1,9}");
  private static final Pattern DURATION = Pattern.compile("(\\d{1,9})(ms|s|m|h|d)");
  private static final Pattern SIZE = Pattern.compile("(\\d{1,6})([MGT])(i?)B");

  private static final int DEEPEST = 100;
  private static final long HEAVIEST = 1_000_000;

  private final String file;
  private final String path;
  private final Node node;
  private final Map<String, Node> values = new LinkedHashMap<>();
  private final Map<String, Node> keys = new LinkedHashMap<>();
  private final Set<String> asked = new HashSet<>();

  private Section(String file, String path, Node node) {
    this.file = file;
    this.path = path;
    this.node = node;
    if (!(node instanceof MappingNode mapping)) {
      throw wrong(node, path, "a mapping (key: value) is expected");
    }
    for (NodeTuple tuple : mapping.getValue()) {
      String key = scalar(tuple.getKeyNode(), path);
      if (values.put(key, tuple.getValueNode()) != null) {
        throw wrong(tuple.getKeyNode(), below(key), "the key is there twice");
      }
      keys.put(key, tuple.getKeyNode());
    }
  }

  /** Parses a file's text, which has one document at most. Returns empty for an empty document. */
  static Optional<Section> parse(String text, String file) {
    List<Section> documents = parseAll(text, file);
    if (documents.size() > 1) {
      throw new ConfigException(file + ": one document is expected, not " + documents.size());
    }
    return documents.stream().findFirst();
  }

  /**
   * Parses a file's text, which may contain several documents or be JSON. Empty documents are left
   * out.
   */
  static List<Section> parseAll(String text, String file) {
    try {
      var documents = new ArrayList<Section>();
      LoadSettings settings = YamlSettings.of(text, file).build();
      checkDepth(new Parse(settings).parseString(text), file);
      for (Node root : new Compose(settings).composeAllFromString(text)) {
        checkWeight(root, file);
        if (!(root instanceof ScalarNode scalar && scalar.getValue().isEmpty())) {
          documents.add(new Section(file, "", root));
        }
      }
      return documents;
    } catch (MarkedYamlEngineException e) {
      String line = e.getProblemMark().map(mark -> ":" + (mark.getLine() + 1)).orElse("");
      throw new ConfigException(file + line + ": not YAML: " + Texts.cut(e.getProblem()));
    } catch (YamlEngineException | IllegalArgumentException e) { // the latter for an invalid tag
      throw new ConfigException(file + ": not YAML: " + Texts.cut(String.valueOf(e.getMessage())));
    }
  }

  /**
   * Refuses a file that is nested too deep. Composing is recursive, so that deeper nesting would
   * overflow the stack.
   */
  private static void checkDepth(Iterable<Event> events, String file) {
    int depth = 0;
    for (Event event : events) {
      if (event instanceof CollectionStartEvent && ++depth > DEEPEST) {
        String line = event.getStartMark().map(mark -> ":" + (mark.getLine() + 1)).orElse("");
        throw new ConfigException(file + line + ": nested deeper than " + DEEPEST + " levels");
      }
      depth -= event instanceof CollectionEndEvent ? 1 : 0;
    }
  }

  /** Refuses a file whose aliases expand to too many values, or without end. */
  private static void checkWeight(Node root, String file) {
    if (weight(root, 0, new IdentityHashMap<>()) > HEAVIEST) {
      throw new ConfigException(
          file + ": its aliases (*name) stand for more than " + HEAVIEST + " values");
    }
  }

  /**
   * Returns the number of values that a node expands to, or more than the maximum if it contains
   * itself.
   */
  private static long weight(Node node, int depth, Map<Node, Long> known) {
    @Nullable Long before = known.get(node);
    if (before != null) {
      return before;
    }
    if (depth > DEEPEST) {
      return HEAVIEST + 1;
    }
    long weight = 1;
    for (Node child : children(node)) {
      weight += weight(child, depth + 1, known);
      if (weight > HEAVIEST) {
        return HEAVIEST + 1;
      }
    }
    known.put(node, weight);
    return weight;
  }

  private static List<Node> children(Node node) {
    return switch (node) {
      case MappingNode mapping ->
          mapping.getValue().stream()
              .flatMap(tuple -> Stream.of(tuple.getKeyNode(), tuple.getValueNode()))
              .toList();
      case SequenceNode sequence -> sequence.getValue();
      default -> List.of();
    };
  }

  /**
   * Returns the mapping as JSON. Null, booleans and integers of up to 18 digits keep their type.
   * All other scalars become strings.
   *
   * @throws ConfigException if a key is not a single value, or is there twice
   */
  JsonNode json() {
    return json(node);
  }

  private JsonNode json(Node value) {
    JsonNodeFactory json = JsonNodeFactory.instance;
    return switch (value) {
      case MappingNode mapping -> {
        ObjectNode object = json.objectNode();
        for (NodeTuple tuple : mapping.getValue()) {
          String key = scalar(tuple.getKeyNode(), path);
          if (object.has(key)) {
            throw wrong(tuple.getKeyNode(), key, "the key is there twice");
          }
          object.set(key, json(tuple.getValueNode()));
        }
        yield object;
      }
      case SequenceNode sequence -> {
        ArrayNode array = json.arrayNode();
        sequence.getValue().forEach(item -> array.add(json(item)));
        yield array;
      }
      case ScalarNode scalar -> scalar(scalar);
      default -> json.nullNode();
    };
  }

  private static JsonNode scalar(ScalarNode scalar) {
    JsonNodeFactory json = JsonNodeFactory.instance;
    String text = scalar.getValue();
    Tag tag = scalar.getTag();
    if (tag.equals(Tag.NULL)) {
      return json.nullNode();
    } else if (tag.equals(Tag.BOOL)) {
      return json.booleanNode(text.equalsIgnoreCase("true"));
    } else if (tag.equals(Tag.INT) && INTEGER.matcher(text).matches()) {
      return json.numberNode(Long.parseLong(text));
    }
    return json.stringNode(text);
  }

  /** Returns the name of the file in errors. */
  String file() {
    return file;
  }

  Optional<String> text(String key) {
    return ask(key).map(value -> scalar(value, below(key)));
  }

  String required(String key) {
    return text(key).orElseThrow(() -> wrong(node, below(key), "the key is missing"));
  }

  Optional<Boolean> flag(String key) {
    return ask(key)
        .map(value ->
            switch (scalar(value, below(key))) {
              case "true" -> true;
              case "false" -> false;
              default -> throw wrong(value, below(key), "true or false is expected");
            });
  }

  /** Returns whether the value of a key is this word, and not a mapping or another value. */
  boolean isWord(String key, String word) {
    return ask(key)
        .filter(value -> value instanceof ScalarNode scalar && scalar.getValue().equals(word))
        .isPresent();
  }

  /** Returns a number from 1 to {@code most}. */
  Optional<Integer> count(String key, int most) {
    return ask(key)
        .map(value -> {
          Matcher matcher = NUMBER.matcher(scalar(value, below(key)));
          int number = matcher.matches() ? Integer.parseInt(matcher.group()) : 0;
          if (number < 1 || number > most) {
            throw wrong(value, below(key), "a number from 1 to " + most + " is expected");
          }
          return number;
        });
  }

  /** Returns a duration of more than 0. */
  Optional<Duration> pause(String key) {
    Optional<Duration> duration = duration(key);
    if (duration.filter(Duration::isZero).isPresent()) {
      throw wrong(key, "a duration of more than 0 is expected, such as 500ms or 30s");
    }
    return duration;
  }

  Optional<Duration> duration(String key) {
    return ask(key)
        .map(value -> {
          Matcher matcher = DURATION.matcher(scalar(value, below(key)));
          if (!matcher.matches()) {
            throw wrong(value, below(key), "a duration such as 500ms, 30s, 5m or 1h is expected");
          }
          long number = Long.parseLong(matcher.group(1));
          return switch (matcher.group(2)) {
            case "ms" -> Duration.ofMillis(number);
            case "s" -> Duration.ofSeconds(number);
            case "m" -> Duration.ofMinutes(number);
            case "h" -> Duration.ofHours(number);
            default -> Duration.ofDays(number);
          };
        });
  }

  /** Reads a number of bytes with its unit: powers of 1000 (GB) or of 1024 (GiB). */
  OptionalLong size(String key) {
    Optional<Node> value = ask(key);
    if (value.isEmpty()) {
      return OptionalLong.empty();
    }
    Matcher matcher = SIZE.matcher(scalar(value.get(), below(key)));
    if (!matcher.matches()) {
      throw wrong(
          value.get(),
          below(key),
          "a size such as 500GiB is expected, with MB, MiB, GB, GiB, TB or TiB");
    }
    long unit = matcher.group(3).isEmpty() ? 1000 : 1024;
    long bytes = Long.parseLong(matcher.group(1)) * unit * unit;
    return OptionalLong.of(
        switch (matcher.group(2)) {
          case "M" -> bytes;
          case "G" -> bytes * unit;
          default -> bytes * unit * unit;
        });
  }

  List<String> texts(String key) {
    var texts = new ArrayList<String>();
    for (Node item : items(key)) {
      texts.add(scalar(item, below(key)));
    }
    return texts;
  }

  /** Reads a mapping of arbitrary keys to single values. */
  Map<String, String> textByKey(String key) {
    var texts = new LinkedHashMap<String, String>();
    section(key)
        .ifPresent(section ->
            section.values.forEach(
                (name, value) -> texts.put(name, section.scalar(value, section.below(name)))));
    return texts;
  }

  Optional<Section> section(String key) {
    return ask(key).map(value -> new Section(file, below(key), value));
  }

  List<Section> sections(String key) {
    var sections = new ArrayList<Section>();
    for (Node item : items(key)) {
      sections.add(new Section(file, below(key) + "[" + sections.size() + "]", item));
    }
    return sections;
  }

  /** Refuses the keys that were not requested. */
  void end() {
    for (Map.Entry<String, Node> key : keys.entrySet()) {
      if (!asked.contains(key.getKey())) {
        throw wrong(
            key.getValue(),
            below(key.getKey()),
            "unknown key; known here are " + String.join(", ", new TreeSet<>(asked)));
      }
    }
  }

  /** Returns the error for the value of {@code key}. */
  ConfigException wrong(String key, String what) {
    return wrong(values.getOrDefault(key, node), below(key), what);
  }

  private Optional<Node> ask(String key) {
    asked.add(key);
    return Optional.ofNullable(values.get(key));
  }

  private List<Node> items(String key) {
    Optional<Node> value = ask(key);
    if (value.isEmpty()) {
      return List.of();
    }
    if (!(value.get() instanceof SequenceNode sequence)) {
      throw wrong(value.get(), below(key), "a list (- item) is expected");
    }
    return sequence.getValue();
  }

  private String scalar(Node value, String where) {
    if (!(value instanceof ScalarNode scalar)) {
      throw wrong(value, where, "a single value is expected");
    }
    return scalar.getValue();
  }

  private String below(String key) {
    return path.isEmpty() ? key : path + "." + key;
  }

  private ConfigException wrong(Node at, String where, String what) {
    String line = at.getStartMark().map(Mark::getLine).map(number -> ":" + (number + 1)).orElse("");
    return new ConfigException(file + line + ": " + (where.isEmpty() ? "" : where + ": ") + what);
  }
}
