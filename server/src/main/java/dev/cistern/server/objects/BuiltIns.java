package dev.cistern.server.objects;

import dev.cistern.auth.access.Role;
import dev.cistern.storage.ObjectName;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.Stream;
import tools.jackson.databind.node.ObjectNode;

/**
 * The built-in objects, which exist without having been created: each namespace in use, the service
 * accounts of each, and the built-in roles. They have revision 0 until they are changed. From then
 * on they are stored like others.
 */
final class BuiltIns {
  private static final List<String> ACCOUNTS = List.of("builder", "default", "deployer");

  private final Instant since;
  private final Supplier<Set<String>> namespaces;
  private final Predicate<String> hasNamespace;

  /**
   * @param since the creation time in their metadata
   */
  BuiltIns(Instant since, Supplier<Set<String>> namespaces, Predicate<String> hasNamespace) {
    this.since = since;
    this.namespaces = namespaces;
    this.hasNamespace = hasNamespace;
  }

  /** Returns the names of the built-in objects of a kind. */
  Stream<ObjectName> names(ResourceType type, Optional<String> namespace) {
    if (type.equals(Kinds.NAMESPACE)) {
      return namespaces.get().stream().map(name -> type.name("", name));
    }
    if (type.equals(Kinds.SERVICE_ACCOUNT)) {
      Stream<String> in =
          namespace.isPresent()
              ? namespace.stream().filter(hasNamespace)
              : namespaces.get().stream();
      return in.flatMap(name -> ACCOUNTS.stream().map(account -> type.name(name, account)));
    }
    return type.equals(Kinds.CLUSTER_ROLE)
        ? Role.builtInNames().stream().map(name -> type.name("", name))
        : Stream.empty();
  }

  /** Returns a built-in object. */
  Optional<ObjectNode> get(ResourceType type, String namespace, String name) {
    if (type.equals(Kinds.NAMESPACE)) {
      return Optional.of(name).filter(hasNamespace).map(this::namespace);
    }
    if (type.equals(Kinds.SERVICE_ACCOUNT)) {
      return Optional.of(name)
          .filter(account -> ACCOUNTS.contains(account) && hasNamespace.test(namespace))
          .map(account -> account(namespace, account));
    }
    return type.equals(Kinds.CLUSTER_ROLE)
        ? Role.builtIn(name).map(role -> role(name))
        : Optional.empty();
  }

  private ObjectNode object(ResourceType type, String namespace, String name) {
    ObjectNode object = Meta.empty(type);
    ObjectNode metadata = object.putObject("metadata").put("name", name);
    if (!namespace.isEmpty()) {
      metadata.put("namespace", namespace);
    }
    byte[] identity = (type.kind() + "/" + namespace + "/" + name).getBytes(StandardCharsets.UTF_8);
    metadata.put("uid", UUID.nameUUIDFromBytes(identity).toString());
    metadata.put("creationTimestamp", Meta.time(since)).put("resourceVersion", "0");
    return object;
  }

  private ObjectNode namespace(String name) {
    ObjectNode object = object(Kinds.NAMESPACE, "", name);
    object.putObject("spec").putArray("finalizers").add("kubernetes");
    object.putObject("status").put("phase", "Active");
    return object;
  }

  private ObjectNode account(String namespace, String name) {
    return object(Kinds.SERVICE_ACCOUNT, namespace, name);
  }

  private ObjectNode role(String name) {
    ObjectNode object = object(Kinds.CLUSTER_ROLE, "", name);
    ObjectNode rule = object.putArray("rules").addObject();
    rule.putArray("apiGroups").add(Kinds.IMAGE_STREAM.group());
    var resources = rule.putArray("resources");
    var verbs = rule.putArray("verbs");
    Role.builtIn(name).orElseThrow().verbs().stream()
        .sorted()
        .forEach(verb -> {
          switch (verb) {
            case READ -> {
              resources.add("imagestreams").add("imagestreamtags");
              verbs.add("list").add("watch");
            }
            case PULL -> {
              resources.add("imagestreams/layers");
              verbs.add("get");
            }
            case CREATE -> verbs.add("create");
            case OVERWRITE -> verbs.add("update").add("patch");
            case DELETE -> verbs.add("delete");
            case IMPORT -> resources.add("imagestreamimports");
            case ADMINISTER -> {
              resources.add("*");
              verbs.add("*");
            }
          }
        });
    return object;
  }
}
