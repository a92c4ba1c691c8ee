package dev.cistern.server.cli.objects;

import dev.cistern.server.objects.ResourceType;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * An argument that names one object or all objects of a kind.
 *
 * @param name the name; "" for all
 */
public record Named(ResourceType type, String name) {
  /** Returns whether this names one object. */
  public boolean isOne() {
    return !name.isEmpty();
  }

  /**
   * Parses {@code KIND[,KIND]}, {@code KIND NAME...} or {@code KIND/NAME...}.
   *
   * @throws ObjectException if the arguments have another form, or there is no such kind
   */
  public static List<Named> parse(List<String> words, ApiKinds kinds) {
    if (words.stream().anyMatch(word -> word.contains("/"))) {
      return pairs(words, kinds);
    }
    List<String> types =
        Stream.of(words.getFirst().split(",", -1)).filter(type -> !type.isEmpty()).toList();
    List<String> names = words.subList(1, words.size());
    var named = new ArrayList<Named>();
    for (String type : types) {
      ResourceType found = kinds.named(type);
      if (names.isEmpty()) {
        named.add(new Named(found, ""));
      }
      names.forEach(name -> named.add(new Named(found, name)));
    }
    return named;
  }

  private static List<Named> pairs(List<String> words, ApiKinds kinds) {
    var named = new ArrayList<Named>();
    for (String word : words) {
      int slash = word.indexOf('/');
      if (slash != word.lastIndexOf('/')) {
        throw new ObjectException(
            "arguments in resource/name form may not have more than one slash");
      }
      if (slash < 0) {
        throw new ObjectException(
            "there is no need to specify a resource type as a separate argument when passing"
                + " arguments in resource/name form (e.g. 'cistern get resource/<resource_name>'"
                + " instead of 'cistern get resource resource/<resource_name>'");
      }
      String name = word.substring(slash + 1);
      if (slash == 0 || name.isEmpty()) {
        throw new ObjectException(
            "arguments in resource/name form must have a single resource and name");
      }
      named.add(new Named(kinds.named(word.substring(0, slash)), name));
    }
    return named;
  }

  /** Returns {@code KIND.GROUP} in lower case, as commands print it before names. */
  public static String kind(ResourceType type) {
    return type.qualifiedKind().toLowerCase(Locale.ROOT);
  }

  /** Returns {@code KIND.GROUP/NAME}, as commands print it. */
  public static String of(ResourceType type, String name) {
    return kind(type) + "/" + name;
  }
}
