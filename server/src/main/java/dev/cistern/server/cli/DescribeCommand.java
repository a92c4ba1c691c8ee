package dev.cistern.server.cli;

import dev.cistern.server.cli.objects.ImageDescription;
import dev.cistern.server.cli.objects.ImageKinds;
import dev.cistern.server.cli.objects.Named;
import dev.cistern.server.cli.objects.ObjectException;
import dev.cistern.server.cli.objects.StreamDescription;
import dev.cistern.server.objects.Meta;
import dev.cistern.server.objects.ResourceType;
import java.io.IOException;
import java.io.PrintWriter;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Options;
import org.apache.commons.cli.ParseException;
import tools.jackson.databind.JsonNode;

/**
 * The {@code describe} command, which describes image streams and images like {@code oc describe}.
 */
final class DescribeCommand implements Command {
  @Override
  public String name() {
    return "describe";
  }

  @Override
  public String summary() {
    return "puts image streams, their tags and images into words";
  }

  @Override
  public String operands() {
    return "KIND[/NAME]...";
  }

  @Override
  public Options options() {
    return AdminClient.connectionOptions().addOption(Namespace.ofObjects());
  }

  @Override
  public int run(CommandLine line, PrintWriter out, PrintWriter err)
      throws IOException, ParseException {
    String namespace = Namespace.orDefault(line);
    ApiClient server = ApiClient.of(line);
    List<Named> wanted = Named.parse(line.getArgList(), server.kinds());
    wanted.forEach(one -> requireWords(one.type()));
    boolean isComplete = true;
    boolean isFirst = true;
    for (Named one : wanted) {
      try {
        for (String name : names(server, namespace, one)) {
          out.print((isFirst ? "" : "\n\n") + described(server, namespace, one.type(), name));
          isFirst = false;
        }
      } catch (StatusException e) {
        isComplete = false;
        out.flush();
        err.println(e.line());
      }
    }
    out.flush();
    if (isFirst && isComplete) {
      err.println("No resources found in " + namespace + " namespace.");
    }
    return isComplete ? 0 : 1;
  }

  private static void requireWords(ResourceType type) {
    boolean isKnown =
        type.group().equals(ImageKinds.STREAM.group())
            && switch (type.kind()) {
              case "ImageStream", "ImageStreamTag", "ImageTag", "ImageStreamImage", "Image" -> true;
              default -> false;
            };
    if (!isKnown) {
      throw new ObjectException(
          ("no description has been implemented for %s: described are imagestreams,"
                  + " imagestreamtags, imagetags, imagestreamimages and images; get -o yaml shows"
                  + " others")
              .formatted(type.resource()));
    }
  }

  private static List<String> names(ApiClient server, String namespace, Named what)
      throws IOException {
    if (what.isOne()) {
      return List.of(what.name());
    }
    var names = new ArrayList<String>();
    server
        .read(what.type(), namespace, "", Map.of(), false)
        .path("items")
        .forEach(object -> names.add(Meta.name(object)));
    return names;
  }

  private static String described(
      ApiClient server, String namespace, ResourceType type, String name) throws IOException {
    Instant now = Instant.now();
    boolean isTag = type.kind().equals("ImageStreamTag") || type.kind().equals("ImageTag");
    String full = isTag && !name.contains(":") ? name + ":latest" : name;
    JsonNode object = server.get(type, namespace, full);
    JsonNode image = object.path("image");
    return switch (type.kind()) {
      case "ImageStream" -> StreamDescription.of(object, now);
      case "Image" -> ImageDescription.of(object, "", now);
      default -> ImageDescription.of(image, Meta.name(image), now);
    };
  }
}
