package dev.cistern.server.api;

import dev.cistern.auth.access.ImpersonationTarget;
import dev.cistern.auth.access.Principal;
import dev.cistern.auth.access.Subject;
import dev.cistern.auth.access.Verb;
import dev.cistern.server.access.Gate;
import dev.cistern.server.config.AccessRules;
import dev.cistern.server.objects.ApiException;
import dev.cistern.server.objects.Meta;
import dev.cistern.server.objects.ResourceType;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Reviews that clients post to query identities and rights. Every caller may query its own. */
record Reviews(ResourceType type, Question question) implements Resource.Creates {
  private static final String OPENSHIFT = "authorization.openshift.io";
  private static final Access EVERYBODY =
      new Access(Optional.empty(), Optional.empty(), Verb.READ, Verb.READ);

  /** The evaluation of a posted review. */
  interface Question {
    ObjectNode answer(Call call, ObjectNode asked);
  }

  /** Returns the resources of all reviews. */
  static Stream<Resource> all(Gate gate) {
    return Stream.of(
        new Reviews(
            ResourceType.ofCluster(
                "authorization.k8s.io",
                "v1",
                "selfsubjectaccessreviews",
                "SelfSubjectAccessReview"),
            (call, asked) -> allowed(gate, call, asked)),
        new Reviews(
            ResourceType.ofCluster(
                "authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview"),
            (call, asked) -> self(call, asked)),
        new Reviews(
            ResourceType.namespaced(
                OPENSHIFT, "v1", "localresourceaccessreviews", "LocalResourceAccessReview"),
            (call, asked) -> whoCan(gate, call, asked)),
        new Reviews(
            ResourceType.ofCluster(
                OPENSHIFT, "v1", "resourceaccessreviews", "ResourceAccessReview"),
            (call, asked) -> whoCan(gate, call, asked)));
  }

  @Override
  public Access access() {
    return EVERYBODY;
  }

  @Override
  public ObjectNode create(Call call, ObjectNode object) {
    return question.answer(call, Meta.ordered(type, object));
  }

  private static ObjectNode allowed(Gate gate, Call call, ObjectNode asked) {
    JsonNode attributes = asked.path("spec").path("resourceAttributes");
    asked.putObject("status").put("allowed", isAllowed(gate, call, attributes));
    return asked;
  }

  private static boolean isAllowed(Gate gate, Call call, JsonNode attributes) {
    Optional<String> namespace =
        Optional.of(attributes.path("namespace").asString("")).filter(text -> !text.isEmpty());
    String part = attributes.path("subresource").asString("");
    String resource = attributes.path("resource").asString("") + (part.isEmpty() ? "" : "/" + part);
    String word = attributes.path("verb").asString("");
    if (word.equals("impersonate")) {
      String group = attributes.path("group").asString("");
      String name = attributes.path("name").asString("");
      return gate.allowsImpersonation(
          call.caller(), new ImpersonationTarget(group, resource, name, namespace));
    }
    Set<Verb> verbs = AccessRules.verbs(resource, word);
    return verbs.isEmpty()
        ? gate.allowsApi(call.caller(), Verb.ADMINISTER, namespace)
        : verbs.stream().allMatch(verb -> gate.allowsApi(call.caller(), verb, namespace));
  }

  /**
   * Returns the subjects that may perform an action. The caller must be an administrator of the
   * namespace.
   */
  private static ObjectNode whoCan(Gate gate, Call call, ObjectNode asked) {
    String said = asked.path("namespace").asString("");
    Optional<String> namespace =
        call.namespace().or(() -> Optional.of(said).filter(text -> !text.isEmpty()));
    if (!gate.allowsApi(call.caller(), Verb.ADMINISTER, namespace)) {
      throw new ApiException(
          ApiException.Reason.FORBIDDEN,
          "only who administers may ask who can; " + call.caller().principal() + " does not");
    }
    Set<Verb> verbs =
        AccessRules.verbs(asked.path("resource").asString(""), asked.path("verb").asString(""));
    Set<Subject> subjects =
        gate.policy().whoCan(verbs.isEmpty() ? Set.of(Verb.ADMINISTER) : verbs, namespace);
    ObjectNode answer = JsonMapper.shared().createObjectNode();
    answer.put("kind", "ResourceAccessReviewResponse").put("apiVersion", OPENSHIFT + "/v1");
    namespace.ifPresent(name -> answer.put("namespace", name));
    ArrayNode users = answer.putArray("users");
    ArrayNode groups = answer.putArray("groups");
    for (Subject subject : subjects) {
      (subject.kind() == Subject.Kind.USER ? users : groups).add(subject.name());
    }
    return answer.put("evalutionError", "");
  }

  private static ObjectNode self(Call call, ObjectNode asked) {
    Principal principal = call.caller().principal();
    ObjectNode user = asked.putObject("status").putObject("userInfo");
    user.put("username", principal.name());
    var groups = user.putArray("groups");
    principal.groups().stream().sorted().forEach(groups::add);
    call.caller()
        .impersonation()
        .ifPresent(acting -> {
          if (!acting.uid().isEmpty()) {
            user.put("uid", acting.uid());
          }
          acting
              .extra()
              .forEach((key, values) -> {
                var texts = user.withObject("extra").putArray(key);
                values.forEach(texts::add);
              });
        });
    return asked;
  }
}
