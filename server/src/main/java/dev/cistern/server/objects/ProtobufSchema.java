package dev.cistern.server.objects;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The fields of the protobuf messages that clients send, by their numbers (the {@code
 * generated.proto} files of Kubernetes' API).
 */
final class ProtobufSchema {
  /** The cardinality of a field. */
  enum Form {
    ONE,
    LIST,
    MAP
  }

  /**
   * The type of a field's value, of the items of a list, or of the values of a map with text keys.
   */
  enum Value {
    TEXT,
    BYTES,
    NUMBER,
    FLAG,
    TIME,
    MESSAGE
  }

  /** A field of a message. */
  record Field(String name, Form form, Value value, Optional<Message> message) {}

  /** The fields of a message by number. */
  record Message(Map<Integer, Field> fields) {
    private static Message empty() {
      return new Message(Map.of());
    }

    private Message with(int number, String name, Form form, Value value, Optional<Message> of) {
      var more = new HashMap<>(fields);
      more.put(number, new Field(name, form, value, of));
      return new Message(Map.copyOf(more));
    }

    private Message one(int number, String name, Value value) {
      return with(number, name, Form.ONE, value, Optional.empty());
    }

    private Message text(int number, String name) {
      return one(number, name, Value.TEXT);
    }

    private Message texts(int number, String name) {
      return with(number, name, Form.LIST, Value.TEXT, Optional.empty());
    }

    private Message map(int number, String name, Value value) {
      return with(number, name, Form.MAP, value, Optional.empty());
    }

    private Message one(int number, String name, Message message) {
      return with(number, name, Form.ONE, Value.MESSAGE, Optional.of(message));
    }

    private Message list(int number, String name, Message message) {
      return with(number, name, Form.LIST, Value.MESSAGE, Optional.of(message));
    }
  }

  /** The envelope of each object. */
  static final Message ENVELOPE =
      Message.empty()
          .one(1, "typeMeta", Message.empty().text(1, "apiVersion").text(2, "kind"))
          .one(2, "raw", Value.BYTES);

  private static final Message META =
      Message.empty()
          .text(1, "name")
          .text(2, "generateName")
          .text(3, "namespace")
          .text(5, "uid")
          .text(6, "resourceVersion")
          .one(8, "creationTimestamp", Value.TIME)
          .map(11, "labels", Value.TEXT)
          .map(12, "annotations", Value.TEXT)
          .texts(14, "finalizers");

  private static final Message OBJECT = Message.empty().one(1, "metadata", META);

  private static final Message REFERENCE =
      Message.empty()
          .text(1, "kind")
          .text(2, "namespace")
          .text(3, "name")
          .text(4, "uid")
          .text(5, "apiVersion")
          .text(6, "resourceVersion")
          .text(7, "fieldPath");

  private static final Message BINDING =
      OBJECT
          .list(
              2,
              "subjects",
              Message.empty()
                  .text(1, "kind")
                  .text(2, "apiGroup")
                  .text(3, "name")
                  .text(4, "namespace"))
          .one(3, "roleRef", Message.empty().text(1, "apiGroup").text(2, "kind").text(3, "name"));

  private static final Message ROLE =
      OBJECT.list(
          2,
          "rules",
          Message.empty()
              .texts(1, "verbs")
              .texts(2, "apiGroups")
              .texts(3, "resources")
              .texts(4, "resourceNames")
              .texts(5, "nonResourceURLs"));

  private static final Message REVIEW =
      OBJECT.one(
          2,
          "spec",
          Message.empty()
              .one(
                  1,
                  "resourceAttributes",
                  Message.empty()
                      .text(1, "namespace")
                      .text(2, "verb")
                      .text(3, "group")
                      .text(4, "version")
                      .text(5, "resource")
                      .text(6, "subresource")
                      .text(7, "name"))
              .one(2, "nonResourceAttributes", Message.empty().text(1, "path").text(2, "verb")));

  private static final Map<String, Message> BY_KIND =
      Map.ofEntries(
          Map.entry("Namespace", OBJECT),
          Map.entry(
              "Secret",
              OBJECT
                  .map(2, "data", Value.BYTES)
                  .text(3, "type")
                  .map(4, "stringData", Value.TEXT)
                  .one(5, "immutable", Value.FLAG)),
          Map.entry(
              "ServiceAccount",
              OBJECT
                  .list(2, "secrets", REFERENCE)
                  .list(3, "imagePullSecrets", Message.empty().text(1, "name"))
                  .one(4, "automountServiceAccountToken", Value.FLAG)),
          Map.entry("RoleBinding", BINDING),
          Map.entry("ClusterRoleBinding", BINDING),
          Map.entry("Role", ROLE),
          Map.entry("ClusterRole", ROLE),
          Map.entry("SelfSubjectAccessReview", REVIEW),
          Map.entry(
              "SelfSubjectRulesReview",
              OBJECT.one(2, "spec", Message.empty().text(1, "namespace"))),
          Map.entry("SelfSubjectReview", OBJECT),
          Map.entry(
              "TokenRequest",
              OBJECT.one(
                  2,
                  "spec",
                  Message.empty().texts(1, "audiences").one(4, "expirationSeconds", Value.NUMBER))),
          Map.entry(
              "DeleteOptions",
              Message.empty()
                  .one(1, "gracePeriodSeconds", Value.NUMBER)
                  .one(
                      2, "preconditions", Message.empty().text(1, "uid").text(2, "resourceVersion"))
                  .one(3, "orphanDependents", Value.FLAG)
                  .text(4, "propagationPolicy")
                  .texts(5, "dryRun")));

  private ProtobufSchema() {}

  /** Returns the message of a kind. */
  static Optional<Message> of(String kind) {
    return Optional.ofNullable(BY_KIND.get(kind));
  }
}
