package dev.cistern.server.config;

import dev.cistern.auth.access.AccessException;
import dev.cistern.auth.access.Binding;
import dev.cistern.auth.access.ImpersonationRule;
import dev.cistern.auth.access.Role;
import dev.cistern.auth.access.Subject;
import dev.cistern.auth.access.Verb;
import dev.cistern.oci.Texts;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The parser of RBAC objects: RoleBinding, ClusterRoleBinding, Role and ClusterRole of {@code
 * rbac.authorization.k8s.io/v1} and {@code authorization.openshift.io/v1}, and Group of {@code
 * user.openshift.io/v1}.
 *
 * <p>Only those rules of a role have an effect that are about OpenShift's images or grant the verb
 * {@code impersonate}. The image resources are {@code imagestreams/layers}, {@code imagestreams},
 * {@code imagestreamtags}, {@code imagetags}, {@code imagestreamimports} and {@code *}. On {@code
 * imagestreams/layers}, {@code get} grants pull, {@code update} push, {@code create} push without
 * overwriting, and {@code delete} delete.
 */
final class AccessObjects {
  private static final Set<String> RBAC =
      Set.of("rbac.authorization.k8s.io/v1", "authorization.openshift.io/v1");
  private static final String USERS = "user.openshift.io/v1";
  private static final Set<String> IMAGES = Set.of("", "image.openshift.io", "*");
  private static final Set<String> ALL_IMAGES = Set.of("image.openshift.io", "*");
  private static final Set<String> IDENTITIES = Set.of("", "authentication.k8s.io", "*");
  private static final Set<String> IMPERSONATE = Set.of("impersonate", "*");
  private static final Set<Verb> PUSH = EnumSet.of(Verb.CREATE, Verb.OVERWRITE);

  private AccessObjects() {}

  /**
   * Reads one object.
   *
   * @throws ConfigException naming file, line and field
   */
  static AccessRules read(Section object, String kind, String version) {
    boolean isGroup = kind.equals("Group");
    if (!(isGroup ? Set.of(USERS) : RBAC).contains(version)) {
      throw object.wrong(
          "apiVersion",
          (isGroup ? USERS : "rbac.authorization.k8s.io/v1") + " is expected for this kind");
    }
    try {
      return switch (kind) {
        case "Group" -> group(object);
        case "Role" -> role(object, namespace(object) + "/");
        case "ClusterRole" -> role(object, "");
        case "ClusterRoleBinding" -> binding(object, Optional.empty());
        default -> binding(object, Optional.of(namespace(object)));
      };
    } catch (AccessException e) {
      throw object.wrong("metadata", String.valueOf(e.getMessage()));
    }
  }

  private static AccessRules group(Section object) {
    return new AccessRules(
        List.of(), Map.of(name(object), Set.copyOf(object.texts("users"))), Map.of());
  }

  private static AccessRules role(Section object, String prefix) {
    var verbs = EnumSet.noneOf(Verb.class);
    var impersonations = new ArrayList<ImpersonationRule>();
    for (Section rule : object.sections("rules")) {
      List<String> groups = rule.texts("apiGroups");
      if (groups.stream().anyMatch(IDENTITIES::contains)
          && rule.texts("verbs").stream().anyMatch(IMPERSONATE::contains)) {
        impersonations.add(
            new ImpersonationRule(
                Set.copyOf(groups),
                Set.copyOf(rule.texts("resources")),
                Set.copyOf(rule.texts("resourceNames"))));
      }
      if (groups.isEmpty() || groups.stream().anyMatch(IMAGES::contains)) {
        List<String> words = rule.texts("verbs");
        // "*" means all resources of the groups, and the core group has none of images.
        boolean isOfAll = groups.stream().anyMatch(ALL_IMAGES::contains);
        rule.texts("resources").stream()
            .filter(resource -> isOfAll || !resource.equals("*"))
            .forEach(resource -> words.forEach(word -> verbs.addAll(verbs(resource, word))));
      }
    }
    var role = new Role(prefix + name(object), verbs, impersonations);
    return new AccessRules(List.of(), Map.of(), Map.of(role.name(), role));
  }

  static Set<Verb> verbs(String resource, String word) {
    if (word.equals("*")) {
      var all = EnumSet.noneOf(Verb.class);
      List.of("get", "list", "create", "update", "delete")
          .forEach(each -> all.addAll(verbs(resource, each)));
      if (resource.equals("*")) {
        all.add(Verb.ADMINISTER);
      }
      return all;
    }
    return switch (resource) {
      case "*" -> {
        var all = EnumSet.noneOf(Verb.class);
        List.of("imagestreams/layers", "imagestreams", "imagestreamtags", "imagestreamimports")
            .forEach(each -> all.addAll(verbs(each, word)));
        yield all;
      }
      case "imagestreams/layers" ->
          switch (word) {
            case "get" -> EnumSet.of(Verb.PULL);
            case "create" -> EnumSet.of(Verb.CREATE);
            case "update" -> PUSH;
            case "delete" -> EnumSet.of(Verb.DELETE);
            default -> Set.of();
          };
      case "imagestreamtags", "imagetags" ->
          switch (word) {
            case "get", "list", "watch" -> EnumSet.of(Verb.READ);
            case "create" -> EnumSet.of(Verb.CREATE);
            case "update", "patch" -> EnumSet.of(Verb.OVERWRITE);
            case "delete" -> EnumSet.of(Verb.DELETE);
            default -> Set.of();
          };
      case "imagestreams" ->
          switch (word) {
            case "get", "list", "watch" -> EnumSet.of(Verb.READ);
            case "create" -> EnumSet.of(Verb.IMPORT);
            case "delete" -> EnumSet.of(Verb.DELETE);
            default -> Set.of();
          };
      case "imagestreamimports" -> word.equals("create") ? EnumSet.of(Verb.IMPORT) : Set.of();
      default -> Set.of();
    };
  }

  private static AccessRules binding(Section object, Optional<String> namespace) {
    Section reference =
        object.section("roleRef").orElseThrow(() -> object.wrong("roleRef", "the key is missing"));
    String name = reference.required("name");
    boolean isRole =
        reference.text("kind").map("Role"::equals).orElse(false)
            || reference.text("namespace").isPresent();
    String role = isRole ? namespace.orElse("") + "/" + name : name;
    var subjects = new ArrayList<Subject>();
    for (Section subject : object.sections("subjects")) {
      subjects.add(subject(subject, namespace));
    }
    String own = object.section("metadata").flatMap(data -> data.text("name")).orElse("");
    var binding = new NamedBinding(own, object.file(), new Binding(namespace, role, subjects));
    return new AccessRules(List.of(binding), Map.of(), Map.of());
  }

  private static Subject subject(Section subject, Optional<String> namespace) {
    String name = subject.required("name");
    String kind = subject.required("kind");
    return switch (kind) {
      case "User", "SystemUser" -> Subject.user(name);
      case "Group", "SystemGroup" -> Subject.group(name);
      case "ServiceAccount" ->
          Subject.serviceAccount(
              subject
                  .text("namespace")
                  .or(() -> namespace)
                  .orElseThrow(() -> subject.wrong("namespace", "the key is missing")),
              name);
      default ->
          throw subject.wrong(
              "kind", "User, Group or ServiceAccount is expected, not " + Texts.shown(kind));
    };
  }

  private static String name(Section object) {
    return metadata(object, "name");
  }

  private static String namespace(Section object) {
    return metadata(object, "namespace");
  }

  private static String metadata(Section object, String key) {
    return object
        .section("metadata")
        .orElseThrow(() -> object.wrong("metadata", "the key is missing"))
        .required(key);
  }
}
