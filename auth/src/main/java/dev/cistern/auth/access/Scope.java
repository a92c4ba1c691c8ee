package dev.cistern.auth.access;

import dev.cistern.oci.OciException;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Texts;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;

/**
 * Parser of token scopes {@code TYPE:NAME:ACTION,ACTION}, with which clients request a token (token
 * scope documentation of the distribution project).
 */
public final class Scope {
  /** The maximum number of scopes in one request. */
  static final int MOST = 32;

  /** The maximum length of all scopes of a request together, in characters. */
  static final int LONGEST = 8192;

  private static final int MOST_ACTIONS = 16;
  private static final Set<String> TYPES = Set.of("repository", "registry");
  private static final Pattern ACTION = Pattern.compile("[a-z]{1,32}|\\*");
  private static final Pattern HOST_AND_PORT =
      Pattern.compile("(?:[a-zA-Z0-9.-]{1,253}|\\[[0-9a-fA-F:.]{2,45}\\]):[0-9]{1,5}/");
  private static final Pattern REGISTRY = Pattern.compile("[a-z]{1,32}");

  private Scope() {}

  /**
   * Reads the values of all {@code scope} parameters; each has one or more scopes, separated by
   * spaces. Scopes of the same type and name are merged.
   *
   * @return the scopes of a known type, in their order
   * @throws AccessException if there are more than 32, they are longer than 8192 characters, or one
   *     is malformed
   */
  public static List<Grant> parseAll(Collection<String> values) {
    var actions = new LinkedHashMap<Thing, Set<String>>();
    for (String text : texts(values)) {
      parse(text)
          .ifPresent(grant ->
              actions
                  .computeIfAbsent(new Thing(grant.type(), grant.name()), thing -> new TreeSet<>())
                  .addAll(grant.actions()));
    }
    var grants = new ArrayList<Grant>();
    actions.forEach((thing, all) -> grants.add(new Grant(thing.type, thing.name, all)));
    return List.copyOf(grants);
  }

  private static List<String> texts(Collection<String> values) {
    if (values.stream().mapToLong(String::length).sum() > LONGEST) {
      throw new AccessException(
          "the scopes are longer than " + LONGEST + " characters; ask for less at once");
    }
    var texts = new ArrayList<String>();
    for (String value : values) {
      for (String text : value.split(" ", -1)) {
        if (!text.isEmpty()) {
          texts.add(text);
        }
      }
    }
    if (texts.size() > MOST) {
      throw new AccessException("there are more than " + MOST + " scopes; ask for less at once");
    }
    return texts;
  }

  /**
   * Reads one scope. A name may begin with a host and its port. The first and the last colon of the
   * text are therefore the separators.
   *
   * @return empty if the type is unknown, such as {@code repository(plugin)}
   * @throws AccessException if it is malformed
   */
  public static Optional<Grant> parse(String text) {
    int first = text.indexOf(':');
    int last = text.lastIndexOf(':');
    if (first <= 0 || first == last || text.length() > LONGEST) {
      throw malformed(text);
    }
    String type = text.substring(0, first);
    if (!TYPES.contains(type)) {
      return Optional.empty();
    }
    String name = text.substring(first + 1, last);
    String[] actions = text.substring(last + 1).split(",", -1);
    if (!isName(type, name) || actions.length > MOST_ACTIONS || !areActions(actions)) {
      throw malformed(text);
    }
    return Optional.of(new Grant(type, name, Set.copyOf(List.of(actions))));
  }

  private static boolean isName(String type, String name) {
    return type.equals("registry") ? REGISTRY.matcher(name).matches() : isRepository(name);
  }

  private static boolean isRepository(String name) {
    var host = HOST_AND_PORT.matcher(name);
    try {
      var repository = new RepositoryName(host.lookingAt() ? name.substring(host.end()) : name);
      return !repository.path().isEmpty();
    } catch (OciException notAName) {
      return false;
    }
  }

  private static boolean areActions(String[] actions) {
    for (String action : actions) {
      if (!ACTION.matcher(action).matches()) {
        return false;
      }
    }
    return true;
  }

  private static AccessException malformed(String text) {
    return new AccessException(
        "not a scope: "
            + Texts.shown(text)
            + "; one is such as repository:project/image:pull,push");
  }

  private record Thing(String type, String name) {}
}
