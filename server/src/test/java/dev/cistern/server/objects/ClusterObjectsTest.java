package dev.cistern.server.objects;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.storage.ObjectEdit;
import dev.cistern.storage.Store;
import dev.cistern.storage.StoredObject;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

class ClusterObjectsTest {
  private static final InstantSource CLOCK =
      InstantSource.fixed(Instant.parse("2026-11-01T00:00:00.5Z"));

  @TempDir private Path directory;
  private Store store;
  private ClusterObjects objects;

  @BeforeEach
  void open() throws IOException {
    store = Store.open(directory, CLOCK);
    objects = new ClusterObjects(store.objects(), CLOCK);
  }

  @AfterEach
  void close() throws IOException {
    store.close();
  }

  @Test
  void whatIsBornHasANameAnIdentityAndATime() {
    ObjectNode given =
        json(
            "{'metadata':{'name':'one','namespace':'other','uid':'x','managedFields':[],"
                + "'selfLink':'/'},'data':{}}");

    ObjectNode born = objects.born(Kinds.SECRET, "team", given);

    assertThat(born.path("metadata").path("uid").asString("")).hasSize(36);
    assertThat(born.deepCopy().set("metadata", Meta.of(born).without("uid")))
        .isEqualTo(
            json(
                "{'kind':'Secret','apiVersion':'v1','metadata':{'name':'one','namespace':'team',"
                    + "'creationTimestamp':'2026-11-01T00:00:00Z'},'data':{}}"));
    assertThat(Meta.namespace(given)).as("what is given stays").isEqualTo("other");
    assertThat(Meta.of(objects.born(Kinds.IMAGE, "", given)).has("namespace")).isFalse();
  }

  @Test
  void aNameIsMadeUpIfOnlyItsBeginningIsGiven() {
    String name =
        Meta.name(objects.born(Kinds.SECRET, "team", json("{'metadata':{'generateName':'a-'}}")));

    assertThat(name).matches("a-[0-9a-f]{5}");
    assertThat(
            Meta.name(
                objects.born(
                    Kinds.SECRET, "team", json("{'metadata':{'generateName':'a-','name':'b'}}"))))
        .isEqualTo("b");
  }

  @Test
  void whatIsMadeIsReadWithItsRevision() throws IOException {
    ObjectNode made = make("team", "one");

    assertThat(objects.get(Kinds.SECRET, "team", "one")).contains(made);
    assertThat(Meta.resourceVersion(made)).isEqualTo("" + objects.revision());
    assertThat(objects.revisionOf(Kinds.SECRET.name("team", "one")))
        .isEqualTo(Meta.resourceVersion(made));
    assertThat(store.objects().get(Kinds.SECRET.name("team", "one")).orElseThrow().json())
        .doesNotContain("resourceVersion");
    assertThatThrownBy(() -> objects.require(Kinds.SECRET, "team", "two"))
        .isInstanceOf(ApiException.class)
        .hasMessage("secrets \"two\" not found");
    assertThat(objects.revisionOf(Kinds.SECRET.name("team", "two"))).isEmpty();
  }

  @Test
  void onlyWhatIsAsItWasReadIsChanged() throws IOException {
    ObjectNode read = make("team", "one");

    assertThat(change(ClusterObjects.creation(Kinds.SECRET, read))).isEmpty();
    assertThat(change(ClusterObjects.replacement(Kinds.SECRET, read.deepCopy().put("type", "x"))))
        .isPresent();
    assertThat(change(ClusterObjects.replacement(Kinds.SECRET, read))).isEmpty();
    assertThat(change(ClusterObjects.removal(Kinds.SECRET, read))).isEmpty();

    ObjectNode now = objects.require(Kinds.SECRET, "team", "one");
    assertThat(now.path("type").asString("")).isEqualTo("x");
    assertThat(change(ClusterObjects.removal(Kinds.SECRET, now))).isPresent();
    assertThat(objects.get(Kinds.SECRET, "team", "one")).isEmpty();
  }

  @Test
  void whatIsNestedTooDeepIsNotStored() {
    ObjectNode object = json("{'metadata':{'name':'one','namespace':'team'}}");
    object.set("data", JsonMapper.shared().readTree("[".repeat(400) + "]".repeat(400)));

    assertThatThrownBy(() -> ClusterObjects.creation(Kinds.SECRET, object))
        .isInstanceOf(ApiException.class)
        .hasMessage("the object is nested deeper than 400 levels");
    object.set("data", JsonMapper.shared().readTree("[".repeat(399) + "]".repeat(399)));
    assertThat(ClusterObjects.creation(Kinds.SECRET, object)).isNotNull();
  }

  @Test
  void objectsAreListedInPages() throws IOException {
    for (String name : List.of("d", "b", "a", "c")) {
      make("team", name);
    }
    make("else", "z");

    assertThat(names(objects.each(Kinds.SECRET, Optional.empty())))
        .containsExactly("z", "a", "b", "c", "d");
    assertThat(names(objects.each(Kinds.SECRET, Optional.of("team"))))
        .containsExactly("a", "b", "c", "d");
    assertThat(objects.each(Kinds.SECRET, Optional.of("none"))).isEmpty();

    var found = new ArrayList<String>();
    ClusterObjects.Cursor cursor = objects.cursor(Kinds.SECRET, Optional.empty(), Optional.empty());
    for (List<StoredObject> page = cursor.peek(2); !page.isEmpty(); page = cursor.peek(2)) {
      assertThat(page).hasSizeLessThanOrEqualTo(2);
      assertThat(cursor.peek(2)).isEqualTo(page);
      page.forEach(one -> found.add(one.name().name()));
      cursor.pass(page.getLast().name());
    }
    assertThat(found).containsExactly("z", "a", "b", "c", "d");
  }

  @Test
  void anObjectOfAFileHidesAStoredOne() throws IOException {
    make("team", "one");
    make("team", "two");
    FileObject ofFile = file("team", "one", "from the file");
    objects.files(List.of(ofFile));

    ObjectNode read = objects.require(Kinds.SECRET, "team", "one");
    assertThat(read.path("type").asString("")).isEqualTo("from the file");
    assertThat(Meta.resourceVersion(read)).isEqualTo("" + objects.revision());
    assertThat(names(objects.each(Kinds.SECRET, Optional.of("team"))))
        .containsExactly("one", "two");
    assertThatThrownBy(() -> change(ClusterObjects.removal(Kinds.SECRET, read)))
        .isInstanceOf(ApiException.class)
        .hasMessage(
            "Operation cannot be fulfilled on secrets \"one\": it is in the file a.yaml: change it"
                + " there");

    objects.files(List.of());
    assertThat(objects.require(Kinds.SECRET, "team", "one").has("type")).isFalse();
  }

  @Test
  void aFileThatIsReadAgainAsItWasChangesNothing() throws IOException {
    objects.files(List.of(file("team", "one", "a"), file("team", "two", "b")));
    long revision = objects.revision();
    String two = objects.revisionOf(Kinds.SECRET.name("team", "two"));

    objects.files(List.of(file("team", "one", "a"), file("team", "two", "b")));
    assertThat(objects.revision()).isEqualTo(revision);

    objects.files(List.of(file("team", "one", "other"), file("team", "two", "b")));
    assertThat(objects.revision()).isEqualTo(revision + 1);
    assertThat(objects.revisionOf(Kinds.SECRET.name("team", "one")))
        .isEqualTo("" + objects.revision());
    assertThat(objects.revisionOf(Kinds.SECRET.name("team", "two"))).isEqualTo(two);
  }

  @Test
  void namespacesAreThoseThatSomethingIsIn() throws IOException {
    make("team", "one");
    objects.files(List.of(file("files", "one", "a")));
    change(
        ClusterObjects.creation(
            Kinds.NAMESPACE,
            objects.born(Kinds.NAMESPACE, "", json("{'metadata':{'name':'made'}}"))));

    assertThat(objects.namespaces())
        .containsExactly("default", "files", "made", "openshift", "openshift-config", "team");
    assertThat(objects.namespaces()).allMatch(objects::hasNamespace);
    assertThat(objects.hasNamespace("none")).isFalse();
    assertThat(names(objects.each(Kinds.NAMESPACE, Optional.empty())))
        .containsExactlyInAnyOrderElementsOf(objects.namespaces());
  }

  @Test
  void eachNamespaceHasServiceAccountsThatNobodyMade() throws IOException {
    make("team", "one");

    ObjectNode builder = objects.require(Kinds.SERVICE_ACCOUNT, "team", "builder");
    assertThat(Meta.resourceVersion(builder)).isEqualTo("0");
    assertThat(names(objects.each(Kinds.SERVICE_ACCOUNT, Optional.of("team"))))
        .containsExactly("builder", "default", "deployer");
    assertThat(objects.get(Kinds.SERVICE_ACCOUNT, "none", "builder")).isEmpty();

    builder.putArray("imagePullSecrets").addObject().put("name", "one");
    assertThat(change(ClusterObjects.replacement(Kinds.SERVICE_ACCOUNT, builder))).isPresent();
    assertThat(objects.require(Kinds.SERVICE_ACCOUNT, "team", "builder").has("imagePullSecrets"))
        .isTrue();
    assertThat(names(objects.each(Kinds.SERVICE_ACCOUNT, Optional.of("team"))))
        .containsExactlyInAnyOrder("builder", "default", "deployer");
  }

  private ObjectNode make(String namespace, String name) throws IOException {
    ObjectNode object = json("{'metadata':{'name':'" + name + "'}}");
    List<StoredObject> done =
        change(ClusterObjects.creation(Kinds.SECRET, objects.born(Kinds.SECRET, namespace, object)))
            .orElseThrow();
    return ClusterObjects.parsed(Kinds.SECRET, done.getFirst().json(), done.getFirst().revision());
  }

  private Optional<List<StoredObject>> change(ObjectEdit edit) throws IOException {
    return objects.change(Kinds.SECRET, List.of(edit));
  }

  private static List<String> names(Iterable<ObjectNode> objects) {
    var names = new ArrayList<String>();
    objects.forEach(object -> names.add(Meta.name(object)));
    return names;
  }

  private static FileObject file(String namespace, String name, String type) {
    return new FileObject(
        Kinds.SECRET.name(namespace, name),
        json("{'metadata':{'name':'%s','namespace':'%s'},'type':'%s'}"
                .formatted(name, namespace, type))
            .toString(),
        "a.yaml");
  }

  private static ObjectNode json(String text) {
    return (ObjectNode) JsonMapper.shared().readTree(text.replace('\'', '"'));
  }
}
