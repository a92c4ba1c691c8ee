package dev.cistern.server.config;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cistern.mirror.rules.MirrorSet;
import dev.cistern.oci.OciException;
import dev.cistern.oci.Texts;
import dev.cistern.server.objects.FileObject;
import dev.cistern.server.objects.Kinds;
import dev.cistern.server.objects.Meta;
import dev.cistern.server.objects.ResourceType;
import dev.cistern.storage.ObjectName;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.node.ObjectNode;

/**
 * Objects of a cluster, as parsed from files: YAML or JSON, one or several per file, or lists of
 * them. The kinds are mirror sets (ImageDigestMirrorSet, ImageTagMirrorSet,
 * ImageContentSourcePolicy), Secret, RoleBinding, ClusterRoleBinding, Role, ClusterRole and Group.
 * Objects of other kinds are ignored.
 *
 * @param objects all objects of these kinds that have names, as the API shows them
 */
public record Resources(
    List<MirrorSet> mirrorSets,
    List<Secret> secrets,
    AccessRules access,
    List<FileObject> objects) {
  /** No objects. */
  public static final Resources NONE =
      new Resources(List.of(), List.of(), AccessRules.NONE, List.of());

  private static final String CONFIG = "config.openshift.io/v1";
  private static final String OPERATOR = "operator.openshift.io/v1alpha1";

  public Resources {
    mirrorSets = List.copyOf(mirrorSets);
    secrets = List.copyOf(secrets);
    objects = List.copyOf(objects);
  }

  /**
   * A Secret.
   *
   * @param data the decoded values by key
   */
  public record Secret(String namespace, String name, String type, Map<String, byte[]> data) {
    /** Returns namespace and name, never the data. */
    @Override
    public String toString() {
      return "secret " + namespace + "/" + name;
    }
  }

  /**
   * Parses the text of a file.
   *
   * @param file the name of the file in errors
   * @throws ConfigException naming file, line and field
   */
  public static Resources parse(String text, String file) {
    var reader = new Reader();
    Section.parseAll(text, file).forEach(object -> reader.read(object, false));
    return new Resources(reader.mirrorSets, reader.secrets, reader.access, reader.objects);
  }

  /** Returns these objects and the others. */
  public Resources and(Resources others) {
    var allSets = new ArrayList<>(mirrorSets);
    allSets.addAll(others.mirrorSets);
    var allSecrets = new ArrayList<>(secrets);
    allSecrets.addAll(others.secrets);
    var allObjects = new ArrayList<>(objects);
    allObjects.addAll(others.objects);
    return new Resources(allSets, allSecrets, access.and(others.access), allObjects);
  }

  /** Collects the objects of a file. */
  private static final class Reader {
    private final List<MirrorSet> mirrorSets = new ArrayList<>();
    private final List<Secret> secrets = new ArrayList<>();
    private final List<FileObject> objects = new ArrayList<>();
    private AccessRules access = AccessRules.NONE;

    void read(Section object, boolean isItem) {
      String version = object.required("apiVersion");
      String kind = object.required("kind");
      switch (kind) {
        case "ImageDigestMirrorSet" ->
            mirrorSet(object, version, CONFIG, MirrorSet.Kind.DIGEST, "imageDigestMirrors");
        case "ImageTagMirrorSet" ->
            mirrorSet(object, version, CONFIG, MirrorSet.Kind.TAG, "imageTagMirrors");
        case "ImageContentSourcePolicy" ->
            mirrorSet(object, version, OPERATOR, MirrorSet.Kind.DIGEST, "repositoryDigestMirrors");
        case "Secret" -> secret(object, version);
        case "RoleBinding", "ClusterRoleBinding", "Role", "ClusterRole", "Group" ->
            access = access.and(AccessObjects.read(object, kind, version));
        case "List",
            "SecretList",
            "RoleBindingList",
            "ClusterRoleBindingList",
            "RoleList",
            "ClusterRoleList",
            "GroupList",
            "ImageDigestMirrorSetList",
            "ImageTagMirrorSetList",
            "ImageContentSourcePolicyList" ->
            items(object, isItem);
        default -> {
          return; // the directories may contain any objects of a cluster
        }
      }
      Kinds.of(kind).ifPresent(type -> keep(type, object));
    }

    private void keep(ResourceType type, Section object) {
      if (!(object.json() instanceof ObjectNode json) || Meta.name(json).isEmpty()) {
        return;
      }
      try {
        ObjectName name = type.name(Meta.namespace(json), Meta.name(json));
        objects.add(new FileObject(name, json.toString(), object.file()));
      } catch (OciException e) {
        throw object.wrong("metadata", e.message());
      }
    }

    private void items(Section list, boolean isItem) {
      if (isItem) {
        throw list.wrong("kind", "an object is expected in a list, not another list");
      }
      list.sections("items").forEach(item -> read(item, true));
    }

    private void mirrorSet(
        Section object, String version, String expected, MirrorSet.Kind kind, String list) {
      if (!version.equals(expected)) {
        throw object.wrong("apiVersion", expected + " is expected for this kind");
      }
      var entries = new ArrayList<MirrorSet.Entry>();
      object
          .section("spec")
          .ifPresent(spec -> {
            spec.sections(list).forEach(entry -> entries.add(entry(entry, expected)));
            spec.end();
          });
      mirrorSets.add(new MirrorSet(kind, entries));
    }

    private static MirrorSet.Entry entry(Section entry, String version) {
      String source = entry.required("source");
      if (!MirrorSet.isSource(source)) {
        throw entry.wrong(
            "source", "host[:port][/path] or *.host is expected, not " + Texts.shown(source));
      }
      List<String> mirrors = entry.texts("mirrors");
      for (String mirror : mirrors) {
        if (!MirrorSet.isMirror(mirror)) {
          throw entry.wrong(
              "mirrors", "host[:port][/path] is expected, not " + Texts.shown(mirror));
        }
      }
      boolean isNever = version.equals(CONFIG) && isNever(entry);
      entry.end();
      return new MirrorSet.Entry(source, mirrors, isNever);
    }

    private static boolean isNever(Section entry) {
      return switch (entry.text("mirrorSourcePolicy").orElse("")) {
        case "", "AllowContactingSource" -> false;
        case "NeverContactSource" -> true;
        default ->
            throw entry.wrong(
                "mirrorSourcePolicy", "AllowContactingSource or NeverContactSource is expected");
      };
    }

    private void secret(Section object, String version) {
      if (!version.equals("v1")) {
        throw object.wrong("apiVersion", "v1 is expected for this kind");
      }
      Optional<Section> metadata = object.section("metadata");
      String name = metadata.flatMap(section -> section.text("name")).orElse("");
      String namespace = metadata.flatMap(section -> section.text("namespace")).orElse("");
      var data = new LinkedHashMap<String, byte[]>();
      object
          .textByKey("data")
          .forEach((key, value) -> {
            try {
              data.put(key, Base64.getDecoder().decode(value.replaceAll("\\s", "")));
            } catch (IllegalArgumentException e) {
              throw object.wrong("data", key + " is not base64");
            }
          });
      object.textByKey("stringData").forEach((key, value) -> data.put(key, value.getBytes(UTF_8)));
      String type = object.text("type").orElse("Opaque");
      secrets.add(new Secret(namespace, name, type, data));
    }
  }
}
