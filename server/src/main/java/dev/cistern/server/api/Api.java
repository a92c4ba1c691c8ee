package dev.cistern.server.api;

import dev.cistern.auth.access.Outcome.Caller;
import dev.cistern.auth.access.Verb;
import dev.cistern.base.FairSeats;
import dev.cistern.base.MemoryBudget;
import dev.cistern.oci.OciException;
import dev.cistern.server.access.Gate;
import dev.cistern.server.access.ImpersonationHeaders;
import dev.cistern.server.http.Refusal;
import dev.cistern.server.http.Reply;
import dev.cistern.server.http.ReplyBody;
import dev.cistern.server.http.Request;
import dev.cistern.server.objects.ApiException;
import dev.cistern.server.objects.ClusterObjects;
import dev.cistern.server.objects.Kinds;
import dev.cistern.server.objects.Meta;
import dev.cistern.server.objects.Patch;
import dev.cistern.server.objects.ResourceType;
import dev.cistern.server.objects.Selector;
import dev.cistern.storage.IndexException;
import dev.cistern.storage.ObjectName;
import dev.cistern.storage.UnwritableStoreException;
import java.io.IOException;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The Kubernetes API at {@code /api}, {@code /apis}, {@code /version} and {@code /openapi}. It
 * authorizes a request and passes it to the resource of its kind. Errors are returned as a {@code
 * Status}.
 */
public final class Api {
  private static final Duration STORE_RETRY_AFTER = Duration.ofSeconds(5);
  private static final Logger LOG = LoggerFactory.getLogger(Api.class);
  private static final String JSON = "application/json";

  /**
   * Memory of a change as a multiple of the stored object's length. It covers the trees of the
   * object before and after the change, and both texts.
   */
  private static final int CHANGE_FACTOR = 16;

  private static final String KUBERNETES = "1.34.0";
  private static final Map<String, Function<JsonNode, String>> FIELDS =
      Map.of(
          "metadata.name", Meta::name,
          "metadata.namespace", Meta::namespace,
          "type", object -> object.path("type").asString(""));

  private final Gate gate;
  private final ClusterObjects objects;
  private final Optional<String> knownAs;
  private final Map<String, Resource> byPath = new HashMap<>();
  private final Discovery discovery;
  private final OpenApi openApi;
  private final FairSeats seats = FairSeats.ofCores();

  /**
   * Creates the API for these components.
   *
   * @param knownAs the host by which clients know this registry; empty for the host of each request
   */
  public static Api of(ApiParts parts, Optional<String> knownAs) {
    return new Api(parts.gate(), parts.objects(), knownAs, ApiResources.all(parts));
  }

  private Api(
      Gate gate, ClusterObjects objects, Optional<String> knownAs, Collection<Resource> resources) {
    this.gate = gate;
    this.objects = objects;
    this.knownAs = knownAs;
    this.discovery = new Discovery(resources);
    this.openApi = new OpenApi(resources);
    resources.forEach(resource ->
        byPath.put(resource.type().apiVersion() + " " + resource.type().plural(), resource));
  }

  /** Returns whether a request is for this API. */
  public static boolean isFor(Request request) {
    String path = request.path();
    return path.equals("/api")
        || path.startsWith("/api/")
        || path.equals("/apis")
        || path.startsWith("/apis/")
        || path.equals("/version")
        || path.startsWith("/openapi/");
  }

  /** Returns the response; may block. */
  public Reply answer(Request request) {
    try {
      gate.requireNoPage(request);
      return route(request);
    } catch (ApiException e) {
      return reply(e.reason().status(), e.status());
    } catch (OciException e) {
      return refused(e);
    } catch (MemoryBudget.RefusedException e) {
      return reply(
              new ApiException(
                  ApiException.Reason.TOO_MANY_REQUESTS,
                  Refusal.MEMORY.message() + "; " + Refusal.MEMORY.advice()))
          .retryAfter(MemoryBudget.RETRY_AFTER);
    } catch (UnwritableStoreException | IndexException e) {
      return reply(
              new ApiException(
                  ApiException.Reason.SERVICE_UNAVAILABLE, String.valueOf(e.getMessage())))
          .retryAfter(STORE_RETRY_AFTER);
    } catch (IOException | RuntimeException e) {
      LOG.atError().addKeyValue("path", request.path()).setCause(e).log("no answer");
      return reply(
          new ApiException(
              ApiException.Reason.INTERNAL, "Internal error occurred: it is in the log"));
    }
  }

  /** Returns the response to an error that is not specific to this API. */
  public static Reply refused(OciException e) {
    Reply reply = reply(refusal(e));
    e.retryAfter().ifPresent(reply::retryAfter);
    return reply;
  }

  private static ApiException refusal(OciException e) {
    ApiException.Reason reason =
        switch (e.code()) {
          case UNAUTHORIZED -> ApiException.Reason.UNAUTHORIZED;
          case DENIED -> ApiException.Reason.FORBIDDEN;
          case TOOMANYREQUESTS -> ApiException.Reason.TOO_MANY_REQUESTS;
          case SIZE_INVALID -> ApiException.Reason.TOO_LARGE;
          case MANIFEST_INVALID -> ApiException.Reason.INVALID;
          default -> ApiException.Reason.BAD_REQUEST;
        };
    String advice = e.advice().map(text -> "; " + text).orElse("");
    return new ApiException(reason, e.message() + advice);
  }

  private static Reply reply(ApiException e) {
    return reply(e.reason().status(), e.status());
  }

  private static Reply reply(int status, ObjectNode json) {
    return Reply.status(status).body(JSON, json + "\n");
  }

  private Reply route(Request request) throws IOException {
    if (ImpersonationHeaders.arePresent(request)) {
      gate.caller(request); // also where authentication is not required, such as discovery
    }
    if (request.path().equals("/version")) {
      return reply(200, version());
    }
    if (request.path().startsWith("/openapi/")) {
      return reply(200, openApi.at(request.path()).orElseThrow(ApiPath::nothing));
    }
    return switch (ApiPath.parse(request.path())) {
      case ApiPath.Root(boolean isCore) -> root(isCore, request);
      case ApiPath.Group(String name) ->
          reply(200, discovery.group(name).orElseThrow(ApiPath::nothing));
      case ApiPath.Version(String apiVersion) ->
          reply(200, discovery.version(apiVersion).orElseThrow(ApiPath::nothing));
      case ApiPath.Objects path -> objects(path, request);
    };
  }

  private static ObjectNode version() {
    ObjectNode json = JsonMapper.shared().createObjectNode();
    String[] parts = KUBERNETES.split("\\.", -1);
    json.put("major", parts[0]).put("minor", parts[1]).put("gitVersion", "v" + KUBERNETES);
    return json.put("platform", "linux/amd64");
  }

  private Reply root(boolean isCore, Request request) {
    String accept = request.header("Accept").orElse("");
    for (String version : List.of("v2", "v2beta1")) {
      String form =
          "application/json;g=apidiscovery.k8s.io;v=" + version + ";as=APIGroupDiscoveryList";
      if (accept.contains("g=apidiscovery.k8s.io;v=" + version + ";")) {
        return Reply.status(200).body(form, discovery.aggregated(isCore, version) + "\n");
      }
    }
    return reply(200, isCore ? discovery.core() : discovery.groups());
  }

  private Reply objects(ApiPath.Objects path, Request request) throws IOException {
    String plural = path.part().isEmpty() ? path.plural() : path.plural() + "/" + path.part();
    Resource resource = byPath.get(path.apiVersion() + " " + plural);
    if (resource == null) {
      throw ApiPath.nothing();
    }
    ResourceType type = resource.type();
    Caller caller = gate.caller(request);
    String registry = knownAs.or(() -> request.header("Host")).orElse("localhost");
    Optional<String> namespace = type.isNamespaced() ? path.namespace() : Optional.empty();
    var call = Call.of(request, caller, namespace, path.name(), registry);
    List<String> warnings = Parameter.check(verb(call), request.query());
    Reply reply = answered(resource, call);
    warnings.forEach(
        warning -> reply.header("Warning", "299 - " + JsonMapper.shared().valueToTree(warning)));
    return reply;
  }

  private static ApiVerb verb(Call call) {
    return switch (call.request().method()) {
      case "GET" ->
          call.name().isPresent() ? ApiVerb.GET : isWatch(call) ? ApiVerb.WATCH : ApiVerb.LIST;
      case "POST" -> ApiVerb.CREATE;
      case "PUT" -> ApiVerb.UPDATE;
      case "PATCH" -> isApply(call) ? ApiVerb.APPLY : ApiVerb.PATCH;
      case "DELETE" -> ApiVerb.DELETE;
      default -> throw notAllowed();
    };
  }

  private static boolean isWatch(Call call) {
    return call.parameter("watch").filter(List.of("true", "1")::contains).isPresent();
  }

  private static boolean isApply(Call call) {
    return call.mediaType().equals("application/apply-patch+yaml");
  }

  private Reply answered(Resource resource, Call call) throws IOException {
    return switch (call.request().method()) {
      case "GET" -> call.name().isPresent() ? get(resource, call) : list(resource, call);
      case "POST" -> create(resource, call);
      case "PUT" -> update(resource, call, new Replacement(call.object()));
      case "PATCH" -> patch(resource, call);
      case "DELETE" -> delete(resource, call);
      default -> throw notAllowed();
    };
  }

  private static ApiException notAllowed() {
    return new ApiException(
        ApiException.Reason.METHOD_NOT_ALLOWED,
        "the server does not allow this method on the requested resource");
  }

  private boolean isAllowed(Call call, Optional<Verb> verb) {
    return verb.isEmpty() || gate.allowsApi(call.caller(), verb.get(), call.namespace());
  }

  private void require(Resource resource, Call call, String word, Optional<Verb> verb) {
    if (isAllowed(call, verb)) {
      return;
    }
    ResourceType type = resource.type();
    String where =
        call.namespace()
            .map(namespace -> "in the namespace \"" + namespace + "\"")
            .orElse("at the cluster scope");
    throw ApiException.forbidden(
        type,
        call.name().orElse(""),
        "User \"%s\" cannot %s resource \"%s\" in API group \"%s\" %s"
            .formatted(call.caller().principal(), word, type.plural(), type.group(), where));
  }

  private Reply get(Resource resource, Call call) throws IOException {
    if (!(resource instanceof Resource.Gets gets)) {
      throw notAllowed();
    }
    require(resource, call, "get", resource.access().read());
    takeFor(resource, call, call.requiredName());
    call.requireServed(objects.revision());
    return shown(resource, call, 200, gets.get(call));
  }

  /** Returns an object in the requested format: JSON or a table. */
  private static Reply shown(Resource resource, Call call, int status, ObjectNode object) {
    Format format = Format.of(call.request());
    boolean isTable = format.isTable() && resource instanceof Resource.Shows;
    return reply(
        status,
        isTable ? format.table(((Resource.Shows) resource).columns(), List.of(object)) : object);
  }

  private Reply list(Resource resource, Call call) throws IOException {
    if (resource instanceof Resource.Answers answers) {
      require(resource, call, "list", resource.access().read());
      return reply(200, answers.answer(call));
    }
    if (!(resource instanceof Resource.Shows shows)) {
      throw notAllowed();
    }
    boolean isWatch = isWatch(call);
    require(resource, call, isWatch ? "watch" : "list", resource.access().read());
    Selector selector =
        Selector.parse(
            call.parameter("labelSelector").orElse(""),
            call.parameter("fieldSelector").orElse(""),
            FIELDS);
    Format format = Format.of(call.request());
    BooleanSupplier isAllowed = () -> isAllowed(call, resource.access().read());
    ReplyBody.PieceSource body =
        isWatch
            ? new WatchBody(objects, shows, call, selector, format, isAllowed, seats)
            : new ListBody(objects, shows, call, selector, format, isAllowed, seats);
    return Reply.status(200).header("Content-Type", JSON).body(new ReplyBody.Pieces(body));
  }

  private Reply create(Resource resource, Call call) throws IOException {
    boolean isPart = resource.type().plural().contains("/");
    if (!(resource instanceof Resource.Creates creates) || call.name().isPresent() != isPart) {
      throw notAllowed();
    }
    require(resource, call, "create", resource.access().create());
    ObjectNode object = call.object();
    if (!isPart) {
      requireKind(resource.type(), object);
    }
    requireNamespace(resource.type(), call, object);
    Meta.requireAnnotations(resource.type(), object);
    takeFor(resource, call, Meta.name(object));
    ObjectNode made = creates.create(call, object);
    if (resource.access().create().isPresent()) { // the others only query
      noted(call, "created " + described(resource, made));
    }
    return shown(resource, call, 201, made);
  }

  private static void requireKind(ResourceType type, ObjectNode object) {
    String kind = object.path("kind").asString(type.kind());
    String version = object.path("apiVersion").asString(type.apiVersion());
    if (!kind.equals(type.kind()) || !version.equals(type.apiVersion())) {
      throw ApiException.badRequest(
          "%s in version \"%s\" cannot be handled as a %s in version \"%s\""
              .formatted(kind, version, type.kind(), type.apiVersion()));
    }
  }

  private static void requireNamespace(ResourceType type, Call call, ObjectNode object) {
    String said = Meta.namespace(object);
    if (type.isNamespaced()) {
      String namespace = call.requiredNamespace();
      if (!said.isEmpty() && !said.equals(namespace)) {
        throw ApiException.badRequest(
            "the namespace of the provided object does not match the namespace sent on the request");
      }
    }
  }

  /** A PUT, which replaces the object by the sent one. */
  private record Replacement(ObjectNode object) implements Resource.Edit {
    @Override
    public ObjectNode apply(ObjectNode before) {
      return object;
    }

    @Override
    public boolean makes() {
      return false;
    }
  }

  /** A PATCH. */
  private record Patching(Patch patch, boolean makes) implements Resource.Edit {
    @Override
    public ObjectNode apply(ObjectNode before) {
      if (patch.apply(before) instanceof ObjectNode object) {
        return object;
      }
      throw ApiException.badRequest("the patch leaves no object");
    }
  }

  /** An edit that also validates the annotations of its result. */
  private record Checked(ResourceType type, Resource.Edit edit) implements Resource.Edit {
    @Override
    public ObjectNode apply(ObjectNode before) {
      ObjectNode after = edit.apply(before);
      Meta.requireAnnotations(type, after);
      return after;
    }

    @Override
    public boolean makes() {
      return edit.makes();
    }
  }

  /** Takes memory for the stored object of a request, until the handler returns. */
  private void takeFor(Resource resource, Call call, String name) {
    ResourceType stored =
        resource instanceof Resource.Shows shows ? shows.stored() : Kinds.IMAGE_STREAM;
    boolean isPart = !stored.equals(resource.type());
    String whole = isPart ? name.replaceFirst("[:@].*", "") : name;
    if (ObjectName.isName(whole)) { // others are refused later, with the reason
      long length = objects.length(stored.name(call.namespace().orElse(""), whole));
      call.request().changes(CHANGE_FACTOR * length);
    }
  }

  private Reply patch(Resource resource, Call call) throws IOException {
    Patch patch = Patch.parse(call.mediaType(), call.body());
    return update(resource, call, new Patching(patch, isApply(call)));
  }

  private Reply update(Resource resource, Call call, Resource.Edit edit) throws IOException {
    if (!(resource instanceof Resource.Updates updates) || call.name().isEmpty()) {
      throw notAllowed();
    }
    require(
        resource,
        call,
        edit instanceof Patching ? "patch" : "update",
        Optional.of(resource.access().update()));
    if (edit instanceof Replacement(ObjectNode object)) {
      requireKind(resource.type(), object);
      requireNamespace(resource.type(), call, object);
      String said = Meta.name(object);
      if (!said.equals(call.requiredName())) {
        throw ApiException.badRequest(
            "the name of the object (%s) does not match the name on the URL (%s)"
                .formatted(said, call.requiredName()));
      }
    }
    takeFor(resource, call, call.requiredName());
    Resource.Updated updated = updates.update(call, new Checked(resource.type(), edit));
    noted(
        call, (updated.isNew() ? "created " : "changed ") + described(resource, updated.object()));
    return shown(resource, call, updated.isNew() ? 201 : 200, updated.object());
  }

  private Reply delete(Resource resource, Call call) throws IOException {
    if (!(resource instanceof Resource.Deletes deletes) || call.name().isEmpty()) {
      throw notAllowed();
    }
    require(resource, call, "delete", Optional.of(resource.access().delete()));
    DeleteOptions options = DeleteOptions.read(call.deleteOptions());
    Call meant = options.isDryRun() ? call.asDryRun() : call;
    takeFor(resource, call, call.requiredName());
    ObjectNode answer = deletes.delete(meant, options);
    noted(
        meant,
        "deleted "
            + resource.type().kind()
            + " "
            + call.namespace().map(namespace -> namespace + "/").orElse("")
            + call.requiredName());
    return reply(200, answer);
  }

  /** Records a change for the audit log, unless it is a dry run. */
  private static void noted(Call call, String deed) {
    if (!call.isDryRun()) {
      call.request().did(deed);
    }
  }

  private static String described(Resource resource, ObjectNode object) {
    String namespace = Meta.namespace(object);
    return resource.type().kind()
        + " "
        + (namespace.isEmpty() ? "" : namespace + "/")
        + Meta.name(object);
  }

  /** Returns the {@code Status} of a success. */
  static ObjectNode success(ResourceType type, String name, String uid) {
    ObjectNode status = JsonMapper.shared().createObjectNode();
    status.put("kind", "Status").put("apiVersion", "v1").putObject("metadata");
    ObjectNode details = status.put("status", "Success").putObject("details");
    details.put("name", name);
    if (!type.group().isEmpty()) {
      details.put("group", type.group());
    }
    details.put("kind", type.plural());
    if (!uid.isEmpty()) {
      details.put("uid", uid);
    }
    return status;
  }
}
