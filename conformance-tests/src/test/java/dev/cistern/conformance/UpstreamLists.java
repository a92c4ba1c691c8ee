package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.net.URI;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The lists that a scripted upstream gives, as a registry should. */
final class UpstreamLists {
  private UpstreamLists() {}

  /**
   * Returns the page of {@code tags}, which are sorted, that {@code n} and {@code last} name, at
   * most {@code longest} long.
   */
  static UpstreamReply tags(String repository, List<String> tags, int longest, Received request) {
    String last = parameter(request, "last", "");
    int most = Math.min(longest, Integer.parseInt(parameter(request, "n", "1000")));
    List<String> rest = tags.stream().filter(tag -> tag.compareTo(last) > 0).toList();
    List<String> page = rest.subList(0, Math.min(most, rest.size()));
    ObjectNode json = JsonMapper.shared().createObjectNode().put("name", repository);
    page.forEach(json.putArray("tags")::add);
    var headers = Map.of("Content-Type", "application/json");
    byte[] body = json.toString().getBytes(UTF_8);
    if (page.size() == rest.size()) {
      return UpstreamReply.of(200, headers, body);
    }
    String next = request.path() + "?n=" + most + "&last=" + page.getLast();
    return UpstreamReply.of(200, headers, body)
        .apply(new Answer.With("Link", "<" + next + ">; rel=\"next\""));
  }

  /** Returns the index of those {@code manifests} that refer to {@code subject}. */
  static UpstreamReply referrers(Collection<byte[]> manifests, String subject) {
    ObjectNode index = JsonMapper.shared().createObjectNode().put("schemaVersion", 2);
    ArrayNode list = index.put("mediaType", Samples.INDEX).putArray("manifests");
    for (byte[] bytes : manifests) {
      JsonNode manifest = JsonMapper.shared().readTree(bytes);
      if (manifest.path("subject").path("digest").asString("").equals(subject)) {
        list.addObject()
            .put("mediaType", manifest.path("mediaType").asString())
            .put("digest", Samples.digest(bytes))
            .put("size", bytes.length)
            .put("artifactType", manifest.path("artifactType").asString(""));
      }
    }
    return UpstreamReply.of(
        200, Map.of("Content-Type", Samples.INDEX), index.toString().getBytes(UTF_8));
  }

  private static String parameter(Received request, String name, String otherwise) {
    String query = URI.create(request.target()).getQuery();
    return Arrays.stream(query == null ? new String[0] : query.split("&"))
        .filter(parameter -> parameter.startsWith(name + "="))
        .map(parameter -> parameter.substring(name.length() + 1))
        .findFirst()
        .orElse(otherwise);
  }
}
