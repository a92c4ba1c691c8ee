package dev.cistern.server.objects;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.WireFormat;
import dev.cistern.server.objects.ProtobufSchema.Field;
import dev.cistern.server.objects.ProtobufSchema.Message;
import java.io.IOException;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/**
 * The parser of objects in Kubernetes' protobuf form ("Kubernetes Protobuf encoding"): four bytes
 * {@code k8s\0}, then an envelope with the kind and the object. Clients send it for the kinds of
 * Kubernetes itself. Responses are JSON, which these clients accept as well.
 */
public final class Protobuf {
  public static final String MEDIA_TYPE = "application/vnd.kubernetes.protobuf";

  private static final byte[] MAGIC = {'k', '8', 's', 0};
  private static final int DEEPEST = 20;

  private Protobuf() {}

  /**
   * Returns the object as JSON.
   *
   * @throws ApiException if the body is not an object in this form, or its kind is not supported
   */
  public static ObjectNode parse(byte[] bytes) {
    if (!Arrays.equals(bytes, 0, Math.min(bytes.length, MAGIC.length), MAGIC, 0, MAGIC.length)) {
      throw ApiException.badRequest("the body is no Kubernetes protobuf: it must begin with k8s");
    }
    try {
      byte[] rest = Arrays.copyOfRange(bytes, MAGIC.length, bytes.length);
      ObjectNode envelope = read(CodedInputStream.newInstance(rest), ProtobufSchema.ENVELOPE, 0);
      JsonNode type = envelope.path("typeMeta");
      String kind = type.path("kind").asString("");
      Optional<Message> message = ProtobufSchema.of(kind);
      if (message.isEmpty()) {
        throw new ApiException(
            ApiException.Reason.UNSUPPORTED_MEDIA_TYPE,
            "a " + kind + " is taken as application/json only");
      }
      byte[] raw = Base64.getDecoder().decode(envelope.path("raw").asString(""));
      ObjectNode object = JsonMapper.shared().createObjectNode();
      object.put("kind", kind).put("apiVersion", type.path("apiVersion").asString(""));
      return object.setAll(read(CodedInputStream.newInstance(raw), message.get(), 0));
    } catch (IOException e) {
      throw ApiException.badRequest("the body is no protobuf: " + e.getMessage());
    }
  }

  private static ObjectNode read(CodedInputStream in, Message message, int depth)
      throws IOException {
    if (depth > DEEPEST) {
      throw new IOException("nested deeper than " + DEEPEST + " levels");
    }
    ObjectNode object = JsonMapper.shared().createObjectNode();
    for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
      Field field = message.fields().get(WireFormat.getTagFieldNumber(tag));
      if (field == null) {
        in.skipField(tag); // unknown fields are ignored
      } else {
        read(in, field, object, depth);
      }
    }
    return object;
  }

  private static void read(CodedInputStream in, Field field, ObjectNode object, int depth)
      throws IOException {
    switch (field.form()) {
      case MAP -> {
        ObjectNode map =
            object.get(field.name()) instanceof ObjectNode there
                ? there
                : object.putObject(field.name());
        entry(in, field, map, depth);
      }
      case LIST -> {
        ArrayNode list =
            object.get(field.name()) instanceof ArrayNode there
                ? there
                : object.putArray(field.name());
        list.add(value(in, field, depth));
      }
      case ONE -> {
        JsonNode value = value(in, field, depth);
        if (!value.isString() || !value.stringValue().isEmpty()) {
          object.set(field.name(), value);
        }
      }
    }
  }

  private static void entry(CodedInputStream in, Field field, ObjectNode map, int depth)
      throws IOException {
    CodedInputStream entry = CodedInputStream.newInstance(in.readByteArray());
    String key = "";
    JsonNode value = JsonNodeFactory.instance.stringNode("");
    for (int tag = entry.readTag(); tag != 0; tag = entry.readTag()) {
      switch (WireFormat.getTagFieldNumber(tag)) {
        case 1 -> key = entry.readStringRequireUtf8();
        case 2 -> value = value(entry, field, depth);
        default -> entry.skipField(tag);
      }
    }
    map.set(key, value);
  }

  private static JsonNode value(CodedInputStream in, Field field, int depth) throws IOException {
    JsonNodeFactory json = JsonNodeFactory.instance;
    return switch (field.value()) {
      case TEXT -> json.stringNode(in.readStringRequireUtf8());
      case BYTES -> json.stringNode(Base64.getEncoder().encodeToString(in.readByteArray()));
      case NUMBER -> json.numberNode(in.readInt64());
      case FLAG -> json.booleanNode(in.readBool());
      case TIME -> time(CodedInputStream.newInstance(in.readByteArray()));
      case MESSAGE ->
          read(
              CodedInputStream.newInstance(in.readByteArray()),
              field.message().orElseThrow(),
              depth + 1);
    };
  }

  private static JsonNode time(CodedInputStream in) throws IOException {
    long seconds = Long.MIN_VALUE;
    for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
      if (WireFormat.getTagFieldNumber(tag) == 1) {
        seconds = in.readInt64();
      } else {
        in.skipField(tag);
      }
    }
    return seconds <= Instant.EPOCH.getEpochSecond() || seconds > Instant.MAX.getEpochSecond()
        ? JsonNodeFactory.instance.nullNode()
        : JsonNodeFactory.instance.stringNode(Meta.time(Instant.ofEpochSecond(seconds)));
  }
}
