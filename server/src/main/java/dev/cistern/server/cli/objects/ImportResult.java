package dev.cistern.server.cli.objects;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;

/**
 * The result of an import, with the words of {@code oc import-image}.
 *
 * @param text the description of the imported images
 * @param complaints the failures, one line each
 */
public record ImportResult(String text, List<String> complaints, boolean isFailed) {
  public ImportResult {
    complaints = List.copyOf(complaints);
  }

  /** Returns the result of the import into the stream {@code name} from the server's answer. */
  public static ImportResult of(JsonNode answer, String name, boolean isDryRun, Instant now) {
    JsonNode status = answer.path("status");
    JsonNode repository = status.path("repository");
    boolean isFailed = isFailed(repository);
    for (JsonNode image : status.path("images")) {
      isFailed |= isFailed(image);
    }
    var text =
        new StringBuilder("imagestream.image.openshift.io/" + name + " imported")
            .append(isFailed ? " with errors" : "")
            .append(isDryRun ? " (dry run)" : "")
            .append("\n\n");
    if (status.path("import").isObject()) {
      text.append(StreamDescription.of(status.path("import"), now)).append('\n');
    }
    var complaints = new ArrayList<String>();
    images(repository.path("images"), "repository tag", name, now, text, complaints);
    images(status.path("images"), "tag", name, now, text, complaints);
    more(repository.path("additionalTags"), text);
    if (isFailed) {
      complaints.add("error: imported completed with errors");
    }
    return new ImportResult(text.append('\n').toString(), complaints, isFailed);
  }

  private static boolean isFailed(JsonNode part) {
    return part.path("status").path("status").asString("").equals("Failure");
  }

  private static void images(
      JsonNode images,
      String what,
      String name,
      Instant now,
      StringBuilder text,
      List<String> complaints) {
    for (JsonNode one : images) {
      String tag = one.path("tag").asString("");
      if (one.path("image").isObject()) {
        String asked = name + ":" + (tag.isEmpty() ? "latest" : tag);
        text.append(ImageDescription.of(one.path("image"), asked, now)).append('\n');
      } else {
        complaints.add(
            "error: %s %s failed: %s"
                .formatted(what, tag, one.path("status").path("message").asString("")));
      }
    }
  }

  private static void more(JsonNode tags, StringBuilder text) {
    if (tags.isEmpty()) {
      return;
    }
    var names = new ArrayList<String>();
    tags.forEach(tag -> names.add(tag.asString("")));
    text.append(
        "\ninfo: The remote repository contained %d additional tags which were not imported: %s\n"
            .formatted(names.size(), String.join(", ", names)));
  }
}
