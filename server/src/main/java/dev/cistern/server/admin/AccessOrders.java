package dev.cistern.server.admin;

import dev.cistern.auth.access.AccessException;
import dev.cistern.auth.access.Binding;
import dev.cistern.auth.access.Principal;
import dev.cistern.auth.access.Subject;
import dev.cistern.auth.access.Verb;
import dev.cistern.oci.Texts;
import dev.cistern.server.access.Bindings;
import dev.cistern.server.access.Gate;
import dev.cistern.server.config.AccessRules;
import dev.cistern.server.http.Reply;
import dev.cistern.server.http.Request;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Commands of {@code /admin/...} that manage role bindings and tokens. With {@code ?namespace=NS} a
 * command concerns one namespace and requires an administrator of that namespace. Without it, the
 * command concerns all namespaces and requires an administrator of all.
 */
final class AccessOrders {
  private static final Duration USUAL = Duration.ofHours(1);
  private static final Duration LONGEST = Duration.ofDays(365);
  private static final String NAMESPACE = "namespace";
  private static final Set<String> BINDING = Set.of("role", "users", "groups");
  private static final Set<String> TOKEN = Set.of("serviceAccount", "seconds");

  private final Gate gate;
  private final Bindings bindings;
  private final InstantSource clock;

  AccessOrders(Gate gate, Bindings bindings, InstantSource clock) {
    this.gate = gate;
    this.bindings = bindings;
    this.clock = clock;
  }

  /** Binds subjects to a role. */
  Reply addRole(Request request) throws IOException {
    Optional<String> namespace = administered(request);
    Binding wanted = binding(namespace, Json.body(request, BINDING));
    boolean isNew = bindings.add(wanted);
    request.did((isNew ? "added " : "found, not added: ") + shown(wanted));
    return Json.reply(200, described(wanted).put("changed", isNew));
  }

  /** Removes subjects from a role. */
  Reply removeRole(Request request) throws IOException {
    Optional<String> namespace = administered(request);
    Binding unwanted = binding(namespace, Json.body(request, BINDING));
    bindings.remove(unwanted);
    request.did("removed " + shown(unwanted));
    return Json.reply(200, described(unwanted).put("changed", true));
  }

  /** Returns the subjects that may perform an action on a resource. */
  Reply whoCan(Request request) {
    Optional<String> namespace = administered(request);
    String word = parameter(request, "verb");
    String resource = parameter(request, "resource");
    Set<Verb> verbs =
        AccessRules.verbs(resource.replaceFirst("\\.image\\.openshift\\.io$", ""), word);
    if (verbs.isEmpty()) {
      throw Json.wrong(
          "nobody can "
              + Texts.shown(word)
              + " "
              + Texts.shown(resource)
              + " here: get, create, update and delete of imagestreams/layers (pull, push what is"
              + " new, push, delete), imagestreams and imagestreamtags are expected, and create of"
              + " imagestreamimports");
    }
    Set<Subject> subjects = gate.policy().whoCan(verbs, namespace);
    ObjectNode json = Json.object();
    namespace.ifPresent(name -> json.put(NAMESPACE, name));
    json.put("verb", word).put("resource", resource);
    names(json.putArray("users"), subjects, Subject.Kind.USER);
    names(json.putArray("groups"), subjects, Subject.Kind.GROUP);
    return Json.reply(200, json);
  }

  private static void names(ArrayNode names, Set<Subject> subjects, Subject.Kind kind) {
    subjects.stream()
        .filter(subject -> subject.kind() == kind)
        .map(Subject::name)
        .forEach(names::add);
  }

  /** Creates a token of a service account. */
  Reply token(Request request) {
    String namespace = parameter(request, NAMESPACE);
    administered(request);
    JsonNode body = Json.body(request, TOKEN);
    String name = Json.text(body, "serviceAccount", "the name of a service account");
    Duration lifetime = lifetime(body);
    try {
      String account = Principal.serviceAccount(namespace, name).name();
      Instant expires = clock.instant().plus(lifetime).truncatedTo(ChronoUnit.SECONDS);
      String token = gate.serviceAccountToken(namespace, name, lifetime);
      request.did("made a token of " + account + ", good until " + expires);
      ObjectNode json = Json.object();
      json.put("serviceAccount", account).put("token", token).put("expires", expires.toString());
      return Json.reply(200, json).header("Cache-Control", "no-store");
    } catch (AccessException e) {
      throw Json.wrong(String.valueOf(e.getMessage()));
    }
  }

  private static Duration lifetime(JsonNode body) {
    JsonNode seconds = body.path("seconds");
    if (seconds.isMissingNode()) {
      return USUAL;
    }
    if (!seconds.isIntegralNumber()
        || !seconds.canConvertToLong()
        || seconds.longValue() < 1
        || seconds.longValue() > LONGEST.toSeconds()) {
      throw Json.wrong("seconds: a number from 1 to " + LONGEST.toSeconds() + " is expected");
    }
    return Duration.ofSeconds(seconds.longValue());
  }

  /**
   * Returns the namespace parameter, if present. The caller must administer that namespace, or all
   * namespaces if there is none. Nothing is required while authentication is disabled.
   */
  private Optional<String> administered(Request request) {
    Optional<String> namespace = request.query().first(NAMESPACE);
    if (!gate.isOpen()) {
      namespace.ifPresentOrElse(
          name -> gate.requireAdministrator(request, name),
          () -> gate.requireEverywhere(request, Verb.ADMINISTER));
    }
    return namespace;
  }

  private static Binding binding(Optional<String> namespace, JsonNode body) {
    try {
      var subjects = new ArrayList<Subject>();
      Json.texts(body, "users").forEach(name -> subjects.add(Subject.possibleUser(name)));
      Json.texts(body, "groups").forEach(name -> subjects.add(Subject.possibleGroup(name)));
      if (subjects.isEmpty()) {
        throw Json.wrong("users, groups: at least one name is expected");
      }
      return new Binding(namespace, Json.text(body, "role", "the name of a role"), subjects);
    } catch (AccessException e) {
      throw Json.wrong(String.valueOf(e.getMessage()));
    }
  }

  private static ObjectNode described(Binding binding) {
    ObjectNode json = Json.object();
    binding.namespace().ifPresent(namespace -> json.put(NAMESPACE, namespace));
    json.put("role", binding.role());
    List<Subject> subjects = binding.subjects();
    names(json.putArray("users"), new TreeSet<>(subjects), Subject.Kind.USER);
    names(json.putArray("groups"), new TreeSet<>(subjects), Subject.Kind.GROUP);
    return json;
  }

  /** Returns the text of a binding for the audit log. */
  private static String shown(Binding binding) {
    String subjects =
        binding.subjects().stream()
            .map(subject ->
                (subject.kind() == Subject.Kind.USER ? "user " : "group ") + subject.name())
            .collect(Collectors.joining(", "));
    return "role "
        + binding.role()
        + " of "
        + subjects
        + binding.namespace().map(namespace -> " in namespace " + namespace).orElse(" everywhere");
  }

  private static String parameter(Request request, String name) {
    return request
        .query()
        .first(name)
        .orElseThrow(() -> Json.wrong("the parameter " + name + " is missing"));
  }
}
