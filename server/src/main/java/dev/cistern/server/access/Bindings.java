package dev.cistern.server.access;

import dev.cistern.auth.access.Binding;
import dev.cistern.auth.access.Principal;
import dev.cistern.auth.access.Subject;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import dev.cistern.oci.Texts;
import dev.cistern.server.config.AccessRules;
import dev.cistern.server.config.ConfigException;
import dev.cistern.server.config.NamedBinding;
import dev.cistern.server.config.Resources;
import dev.cistern.storage.Expected;
import dev.cistern.storage.ObjectChange;
import dev.cistern.storage.ObjectName;
import dev.cistern.storage.Objects;
import dev.cistern.storage.StoredObject;
import java.io.IOException;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The stored bindings, roles and groups, created by the API or by the admin commands. The commands
 * create bindings as {@code oc} would. A change is in effect when the method returns, in addition
 * to the objects of files. Objects of files can only be changed in their files.
 *
 * <p>Makes one change at a time. Safe for all threads.
 */
public final class Bindings {
  private static final Logger LOG = LoggerFactory.getLogger(Bindings.class);
  private static final String OF_NAMESPACE = "RoleBinding";
  private static final String OF_CLUSTER = "ClusterRoleBinding";
  private static final List<String> KINDS =
      List.of(OF_NAMESPACE, OF_CLUSTER, "Role", "ClusterRole", "Group");
  private static final String GROUP = "rbac.authorization.k8s.io";

  private final Objects objects;
  private final Gate gate;
  private final InstantSource clock;

  private Bindings(Objects objects, Gate gate, InstantSource clock) {
    this.objects = objects;
    this.gate = gate;
    this.clock = clock;
  }

  /** Applies the stored bindings. */
  public static Bindings open(Objects objects, Gate gate, InstantSource clock) {
    var bindings = new Bindings(objects, gate, clock);
    bindings.enforce();
    return bindings;
  }

  /** A stored object and the binding that it contains. */
  private record Stored(StoredObject object, Binding binding) {}

  /**
   * Binds subjects to a role.
   *
   * @return whether a binding was added; false if an existing one covers all subjects
   * @throws OciException if the role does not exist, or another request stored the object meanwhile
   */
  public synchronized boolean add(Binding wanted) throws IOException {
    requireRole(wanted.role());
    List<Stored> there = stored(kind(wanted), wanted.namespace().orElse(""));
    boolean isThere =
        there.stream().map(Stored::binding).anyMatch(one -> covers(one, wanted))
            || gate.bindingsOfFiles().stream().anyMatch(one -> covers(one.binding(), wanted));
    if (isThere) {
      return false;
    }
    ObjectName name = freeName(wanted);
    requireDone(objects.put(name, json(name, wanted), new Expected.Absent()));
    enforce();
    return true;
  }

  /**
   * Removes subjects from the bindings of a role in a namespace, or in the cluster.
   *
   * @throws OciException if no subject has the role, or a file grants it to one of them (then
   *     nothing is changed), or another request changed an object meanwhile
   */
  public synchronized void remove(Binding unwanted) throws IOException {
    requireNotOfFile(unwanted);
    List<Stored> there =
        stored(kind(unwanted), unwanted.namespace().orElse("")).stream()
            .filter(one -> one.binding().role().equals(unwanted.role()))
            .toList();
    if (there.isEmpty()) {
      throw absent(
          "unable to locate any "
              + kind(unwanted)
              + " for ClusterRole "
              + Texts.shown(unwanted.role()));
    }
    boolean isFound = false;
    try {
      for (Stored one : there) {
        isFound |= remove(one, unwanted.subjects());
      }
    } finally { // the removals before a failure take effect too
      if (isFound) {
        enforce();
      }
    }
    if (!isFound) {
      throw absent(
          "unable to find target ["
              + unwanted.subjects().stream().map(Subject::name).collect(Collectors.joining(" "))
              + "]");
    }
  }

  private boolean remove(Stored one, Collection<Subject> subjects) throws IOException {
    var rest = new ArrayList<>(one.binding().subjects());
    if (!rest.removeAll(subjects)) {
      return false;
    }
    var unchanged = new Expected.Revision(one.object().revision());
    if (rest.isEmpty()) {
      requireDone(objects.delete(one.object().name(), unchanged));
    } else {
      var json = (ObjectNode) JsonMapper.shared().readTree(one.object().json());
      json.set("subjects", subjects(rest));
      requireDone(objects.put(one.object().name(), json.toString(), unchanged));
    }
    return true;
  }

  private void requireRole(String role) {
    List<String> roles =
        gate.policy().roles().stream()
            .filter(name -> !name.contains("/")) // roles of namespaces contain a slash
            .toList();
    if (!roles.contains(role)) {
      throw new OciException(
              ErrorCode.UNKNOWN,
              "there is no ClusterRole " + Texts.shown(role),
              "there are " + String.join(", ", roles))
          .withStatus(404);
    }
  }

  private void requireNotOfFile(Binding unwanted) {
    for (NamedBinding one : gate.bindingsOfFiles()) {
      for (Subject subject : unwanted.subjects()) {
        if (covers(
            one.binding(), new Binding(unwanted.namespace(), unwanted.role(), List.of(subject)))) {
          throw new OciException(
                  ErrorCode.DENIED,
                  subject.name()
                      + " has "
                      + unwanted.role()
                      + " by the "
                      + kind(unwanted)
                      + " "
                      + Texts.shown(one.name())
                      + " of the file "
                      + one.source(),
                  "change the file")
              .withStatus(409);
        }
      }
    }
  }

  private static OciException absent(String what) {
    return new OciException(ErrorCode.UNKNOWN, what).withStatus(404);
  }

  private static void requireDone(ObjectChange change) {
    if (change instanceof ObjectChange.Conflict) {
      throw new OciException(ErrorCode.UNKNOWN, "somebody changed it meanwhile", "try again")
          .withStatus(409);
    }
  }

  private static boolean covers(Binding binding, Binding wanted) {
    return binding.namespace().equals(wanted.namespace())
        && binding.role().equals(wanted.role())
        && binding.subjects().containsAll(wanted.subjects());
  }

  /** Returns the role's name, with a number appended if a binding of that name exists. */
  private ObjectName freeName(Binding binding) {
    String kind = kind(binding);
    String namespace = binding.namespace().orElse("");
    var name = new ObjectName(kind, namespace, binding.role());
    for (int number = 0; isTaken(name, binding.namespace()); number++) {
      name = new ObjectName(kind, namespace, binding.role() + "-" + number);
    }
    return name;
  }

  private boolean isTaken(ObjectName name, Optional<String> namespace) {
    return objects.get(name).isPresent()
        || gate.bindingsOfFiles().stream()
            .anyMatch(one ->
                one.name().equals(name.name()) && one.binding().namespace().equals(namespace));
  }

  /** Applies the stored objects. */
  public synchronized void enforce() {
    AccessRules rules = AccessRules.NONE;
    for (String kind : KINDS) {
      for (StoredObject object : objects.list(kind)) {
        rules = rules.and(rules(object));
      }
    }
    gate.stored(rules);
  }

  private static AccessRules rules(StoredObject object) {
    try {
      return Resources.parse(object.json(), object.name().toString()).access();
    } catch (ConfigException e) {
      LOG.warn("grants nothing: {}", e.getMessage());
      return AccessRules.NONE;
    }
  }

  private List<Stored> stored(String kind, String namespace) {
    return parsed(objects.list(kind, namespace));
  }

  private static List<Stored> parsed(List<StoredObject> objects) {
    var parsed = new ArrayList<Stored>();
    for (StoredObject object : objects) {
      rules(object).bindings().stream()
          .map(found -> new Stored(object, found.binding()))
          .forEach(parsed::add);
    }
    return parsed;
  }

  private static String kind(Binding binding) {
    return binding.namespace().isPresent() ? OF_NAMESPACE : OF_CLUSTER;
  }

  private String json(ObjectName name, Binding binding) {
    ObjectNode json = JsonMapper.shared().createObjectNode();
    json.put("apiVersion", GROUP + "/v1").put("kind", name.kind());
    ObjectNode metadata = json.putObject("metadata").put("name", name.name());
    binding.namespace().ifPresent(namespace -> metadata.put("namespace", namespace));
    metadata.put("uid", UUID.randomUUID().toString());
    metadata.put("creationTimestamp", clock.instant().truncatedTo(ChronoUnit.SECONDS).toString());
    json.putObject("roleRef")
        .put("apiGroup", GROUP)
        .put("kind", "ClusterRole")
        .put("name", binding.role());
    json.set("subjects", subjects(binding.subjects()));
    return json.toString();
  }

  private static ArrayNode subjects(List<Subject> subjects) {
    ArrayNode json = JsonMapper.shared().createArrayNode();
    for (Subject subject : subjects) {
      Optional<Principal> account =
          subject.kind() == Subject.Kind.USER
              ? Principal.serviceAccount(subject.name())
              : Optional.empty();
      if (account.isPresent()) {
        String[] parts = subject.name().split(":", -1);
        json.addObject()
            .put("kind", "ServiceAccount")
            .put("name", parts[3])
            .put("namespace", parts[2]);
      } else {
        json.addObject()
            .put("apiGroup", GROUP)
            .put("kind", subject.kind() == Subject.Kind.USER ? "User" : "Group")
            .put("name", subject.name());
      }
    }
    return json;
  }
}
