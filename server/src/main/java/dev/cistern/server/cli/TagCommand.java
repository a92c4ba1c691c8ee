package dev.cistern.server.cli;

import dev.cistern.server.cli.objects.ImageKinds;
import dev.cistern.server.cli.objects.ObjectException;
import dev.cistern.server.cli.objects.TagName;
import dev.cistern.server.cli.objects.TagOptions;
import dev.cistern.server.cli.objects.TagRequest;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Options;
import org.apache.commons.cli.ParseException;
import tools.jackson.databind.node.ObjectNode;

/** The {@code tag} command, which sets or removes tags of image streams like {@code oc tag}. */
final class TagCommand implements Command {
  private static final String SOURCE = "source";
  private static final String DELETE = "delete";
  private static final String ALIAS = "alias";
  private static final String REFERENCE = "reference";
  private static final int MOST_TRIES = 5;

  @Override
  public String name() {
    return "tag";
  }

  @Override
  public String summary() {
    return "sets tags of image streams to an image or another tag; -d removes tags";
  }

  @Override
  public String operands() {
    return "SOURCE DESTINATION...";
  }

  @Override
  public Options options() {
    return ImportPolicies.addTo(AdminClient.connectionOptions().addOption(Namespace.ofObjects()))
        .addOption(
            ConfigOptions.option(
                SOURCE, "KIND", "imagestreamtag, istag, imagestreamimage, isimage or docker"))
        .addOption(Flags.flag("d", DELETE, "remove the tags that are named"))
        .addOption(Flags.flag(ALIAS, "follow the source, a tag of the same stream"))
        .addOption(Flags.flag(REFERENCE, "only point to the source, and import nothing"));
  }

  @Override
  public int run(CommandLine line, PrintWriter out, PrintWriter err)
      throws IOException, ParseException {
    List<String> words = line.getArgList();
    String namespace = Namespace.orDefault(line);
    if (Flags.isOn(line, DELETE)) {
      checkDeletion(line);
      List<TagName> names = names(words, namespace);
      delete(ApiClient.of(line), names, out);
      return 0;
    }
    if (words.size() < 2) {
      throw new ObjectException("at least a destination is required");
    }
    TagOptions options = chosen(line);
    TagRequest request =
        TagRequest.parse(words.getFirst(), line.getOptionValue(SOURCE, ""), namespace, options);
    ApiClient server = ApiClient.of(line);
    if (request.needsStream()) {
      ObjectNode stream =
          server.get(ImageKinds.STREAM, request.sourceNamespace(), request.source().name());
      request = request.resolved(stream, words.getFirst());
    }
    List<TagName> names = names(words.subList(1, words.size()), namespace);
    request.check(names);
    for (TagName name : names) {
      set(server, request, name);
      out.println(request.done(name));
    }
    return 0;
  }

  private static List<TagName> names(List<String> words, String namespace) {
    return words.stream().map(word -> TagName.parse(word, namespace)).toList();
  }

  private static TagOptions chosen(CommandLine line) throws ParseException {
    String policy =
        ImportPolicies.policy(line, "reference policy must be set to 'source' or 'local'");
    return new TagOptions(
        Flags.isOn(line, ALIAS),
        Flags.isOn(line, REFERENCE),
        Flags.isOn(line, ImportPolicies.SCHEDULED),
        Flags.isOn(line, ImportPolicies.INSECURE),
        policy,
        ImportPolicies.mode(line));
  }

  private static void checkDeletion(CommandLine line) throws ParseException {
    if (Flags.isOn(line, ALIAS)) {
      throw new ObjectException("--alias and --delete may not be both specified");
    }
    if (line.hasOption(SOURCE)) {
      throw new ObjectException("cannot specify a source kind when deleting");
    }
    if (Flags.isOn(line, ImportPolicies.SCHEDULED) || Flags.isOn(line, ImportPolicies.INSECURE)) {
      throw new ObjectException("cannot set flags for importing images when deleting a tag");
    }
    if (line.hasOption(ImportPolicies.MODE)) {
      throw new ObjectException("cannot specify an import mode when deleting");
    }
  }

  private static void delete(ApiClient server, List<TagName> names, PrintWriter out)
      throws IOException {
    for (TagName name : names) {
      server.delete(ImageKinds.TAG, name.namespace(), name.toString());
      out.println("Deleted tag " + name.namespace() + "/" + name + ".");
    }
  }

  /** Sets a tag, and retries if another client changed the stream meanwhile. */
  private static void set(ApiClient server, TagRequest request, TagName name) throws IOException {
    ObjectNode tag = request.imageStreamTag(name);
    for (int i = 1; true; i++) {
      try {
        put(server, tag, name.namespace());
        return;
      } catch (StatusException e) {
        if (!e.is("Conflict") || i == MOST_TRIES) {
          throw e;
        }
      }
    }
  }

  private static void put(ApiClient server, ObjectNode tag, String namespace) throws IOException {
    try {
      server.replace(ImageKinds.TAG, namespace, tag);
    } catch (StatusException e) {
      if (!e.is("NotFound", "MethodNotAllowed", "Forbidden")) {
        throw e;
      }
      server.create(ImageKinds.TAG, namespace, tag); // a client without update may have create
    }
  }
}
