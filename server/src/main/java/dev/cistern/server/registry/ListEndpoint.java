package dev.cistern.server.registry;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cistern.mirror.ListAnswer;
import dev.cistern.mirror.Mirror;
import dev.cistern.mirror.rules.Location;
import dev.cistern.oci.Descriptor;
import dev.cistern.oci.Digest;
import dev.cistern.oci.MediaType;
import dev.cistern.oci.RepositoryName;
import dev.cistern.server.http.Reply;
import dev.cistern.server.http.Request;
import dev.cistern.storage.Repositories;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The lists {@code /v2/NAME/tags/list}, {@code /v2/NAME/referrers/DIGEST} and {@code /v2/_catalog}:
 * GET (end-8, end-12).
 */
final class ListEndpoint {
  private static final int USUAL_TAGS = 10_000;
  private static final int USUAL_REPOSITORIES = 1_000;
  private static final int USUAL_REFERRERS = 1_000;

  /** Maximum length of all annotations in a page of referrers. */
  private static final int MAX_REFERRERS_BYTES = 1 << 20;

  /** Approximate size of a descriptor without artifact type and annotations. */
  private static final int MIN_DESCRIPTOR_BYTES = 200;

  /** Size that the store counts for an annotation besides its texts. */
  private static final int ANNOTATION_BYTES = 8;

  private final Repositories repositories;
  private final Mirror mirror;

  ListEndpoint(Repositories repositories, Mirror mirror) {
    this.repositories = repositories;
    this.mirror = mirror;
  }

  /** Returns the tags; {@code name} is the repository's name in the request. */
  Reply tags(RepositoryName name, Location location, Request request) throws IOException {
    Page page = Page.of(request, USUAL_TAGS);
    ListAnswer<String> tags = mirror.tags(location, page.last(), page.wanted());
    Reply reply = page.reply(request, tags.entries(), "\"name\":\"" + name + "\",\"tags\":");
    return told(reply, location, tags);
  }

  /** Returns the names of the repositories that {@code isShown} accepts. */
  Reply catalog(Request request, Predicate<String> isShown) {
    Page page = Page.of(request, USUAL_REPOSITORIES);
    List<String> names = repositories.repositories(page.last(), page.wanted(), isShown);
    return page.reply(request, names, "\"repositories\":");
  }

  Reply referrers(Location location, Digest subject, Request request) throws IOException {
    Page page = Page.of(request, USUAL_REFERRERS);
    Optional<Digest> last =
        page.last().isEmpty() ? Optional.empty() : Optional.of(Digest.parse(page.last()));
    ListAnswer<Descriptor> answer = mirror.referrers(location, subject, last, page.wanted());
    List<Descriptor> found = answer.entries();
    List<Descriptor> descriptors = found.subList(0, fitting(found, page.most()));
    Optional<String> type = request.query().first("artifactType");
    Reply reply =
        Reply.status(200).body(MediaType.OCI_INDEX.name(), index(descriptors, type).toString());
    type.ifPresent(filter -> reply.header("OCI-Filters-Applied", "artifactType"));
    if (found.size() > descriptors.size() && !descriptors.isEmpty()) {
      reply.header("Link", page.link(request, descriptors.getLast().digest().toString()));
    }
    return told(reply, location, answer);
  }

  /**
   * Returns the number of descriptors in a page: at least one, and about 1 MiB at most. The store
   * gives more than that if there are more, so a page that ends early has a successor.
   */
  private static int fitting(List<Descriptor> found, int most) {
    int count = 0;
    long left = MAX_REFERRERS_BYTES;
    while (count < Math.min(found.size(), most) && left > 0) {
      left -= bytes(found.get(count));
      count++;
    }
    return count;
  }

  private static long bytes(Descriptor descriptor) {
    long bytes = MIN_DESCRIPTOR_BYTES;
    bytes += descriptor.artifactType().map(type -> type.getBytes(UTF_8).length).orElse(0);
    for (Map.Entry<String, String> annotation : descriptor.annotations().entrySet()) {
      bytes += ANNOTATION_BYTES + annotation.getKey().getBytes(UTF_8).length;
      bytes += annotation.getValue().getBytes(UTF_8).length;
    }
    return bytes;
  }

  private static Reply told(Reply reply, Location location, ListAnswer<?> answer) {
    location.namespace().ifPresent(namespace -> reply.header("OCI-Namespace", namespace));
    return reply.cache(answer.status());
  }

  private static ObjectNode index(List<Descriptor> descriptors, Optional<String> type) {
    ObjectNode index = JsonMapper.shared().createObjectNode();
    index.put("schemaVersion", 2).put("mediaType", MediaType.OCI_INDEX.name());
    ArrayNode manifests = index.putArray("manifests");
    for (Descriptor descriptor : descriptors) {
      if (type.isEmpty() || type.equals(descriptor.artifactType())) {
        ObjectNode node = manifests.addObject();
        node.put("mediaType", descriptor.mediaType().name());
        node.put("digest", descriptor.digest().toString());
        node.put("size", descriptor.size());
        descriptor.artifactType().ifPresent(text -> node.put("artifactType", text));
        if (!descriptor.annotations().isEmpty()) {
          ObjectNode annotations = node.putObject("annotations");
          descriptor.annotations().forEach(annotations::put);
        }
      }
    }
    return index;
  }
}
