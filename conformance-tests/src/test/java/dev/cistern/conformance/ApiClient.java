package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.conformance.TestClient.Answered;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Requests for objects, as {@code oc} makes them; objects are written as YAML's flow style. */
final class ApiClient implements AutoCloseable {
  static final String IMAGES = "/apis/image.openshift.io/v1";
  private static final String JSON = "application/json";

  private final TestClient client;

  ApiClient(CisternServer server) {
    this(new TestClient(server));
  }

  ApiClient(TestClient client) {
    this.client = client;
  }

  /** What came back. */
  record Said(int status, JsonNode json) {
    /** Returns the message of a {@code Status}. */
    String message() {
      return json.path("message").asString("");
    }

    String reason() {
      return json.path("reason").asString("");
    }
  }

  Said get(String path) {
    return said(client.get(path));
  }

  /** Posts JSON, with ' for ". */
  Said post(String path, String json) {
    return send("POST", path, JSON, json);
  }

  Said put(String path, JsonNode json) {
    return send("PUT", path, JSON, json.toString());
  }

  Said patch(String path, String type, String json) {
    return send("PATCH", path, type, json);
  }

  Said delete(String path) {
    return said(client.delete(path));
  }

  Said send(String method, String path, String type, String json) {
    return said(client.send(method, path, type, quoted(json).getBytes(UTF_8)));
  }

  private static String quoted(String json) {
    return json.replace('\'', '"');
  }

  /** Returns what an answer says. */
  static Said said(Answered answered) {
    try {
      return new Said(answered.status(), JsonMapper.shared().readTree(answered.bytes()));
    } catch (JacksonException e) {
      throw new AssertionError("not JSON: " + answered.text(), e);
    }
  }

  /** Makes a namespace, unless it is there. */
  void makeNamespace(String name) {
    Said said = post("/api/v1/namespaces", "{'metadata':{'name':'%s'}}".formatted(name));
    assertThat(said.status()).as(said.message()).isIn(201, 409);
  }

  static String streams(String namespace) {
    return IMAGES + "/namespaces/" + namespace + "/imagestreams";
  }

  static String tags(String namespace) {
    return IMAGES + "/namespaces/" + namespace + "/imagestreamtags";
  }

  /**
   * Imports a tag, and expects that the import itself is taken.
   *
   * @param more of the image of the import, each with a comma before
   */
  JsonNode importTag(String namespace, String stream, String tag, String from, String more) {
    Said said =
        post(
            IMAGES + "/namespaces/" + namespace + "/imagestreamimports",
            """
            {'kind':'ImageStreamImport','apiVersion':'image.openshift.io/v1',
             'metadata':{'name':'%s','namespace':'%s'},
             'spec':{'import':true,'images':[
              {'from':{'kind':'DockerImage','name':'%s'},'to':{'name':'%s'}%s}]}}
            """
                .formatted(stream, namespace, from, tag, more));
    assertThat(said.status()).as(said.message()).isEqualTo(201);
    return said.json();
  }

  /** Returns the items of each tag of a stream, the latest first. */
  Map<String, List<JsonNode>> history(String namespace, String stream) {
    var history = new TreeMap<String, List<JsonNode>>();
    for (JsonNode tag : get(streams(namespace) + "/" + stream).json().path("status").path("tags")) {
      history.put(tag.path("tag").asString(""), tag.path("items").valueStream().toList());
    }
    return history;
  }

  /** Returns the digest that a tag has now, "" if none. */
  String latest(String namespace, String stream, String tag) {
    return history(namespace, stream).getOrDefault(tag, List.of()).stream()
        .findFirst()
        .map(item -> item.path("image").asString(""))
        .orElse("");
  }

  /** Returns the conditions of a tag. */
  List<JsonNode> conditions(String namespace, String stream, String tag) {
    return get(streams(namespace) + "/" + stream)
        .json()
        .path("status")
        .path("tags")
        .valueStream()
        .filter(one -> one.path("tag").asString("").equals(tag))
        .flatMap(one -> one.path("conditions").valueStream())
        .toList();
  }

  /** Returns the names of all images. */
  List<String> images() {
    return get(IMAGES + "/images")
        .json()
        .path("items")
        .valueStream()
        .map(image -> image.path("metadata").path("name").asString(""))
        .toList();
  }

  @Override
  public void close() {
    client.close();
  }
}
