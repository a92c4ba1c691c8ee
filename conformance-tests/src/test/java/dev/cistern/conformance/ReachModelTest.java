package dev.cistern.conformance;

import static dev.cistern.conformance.Accounts.ALICE;
import static dev.cistern.conformance.Accounts.BOB;
import static dev.cistern.conformance.Accounts.CAROL;
import static dev.cistern.conformance.Accounts.DAVE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.conformance.TestClient.Answered;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Which blob is reached through which repository, and by whom, against a naive model: callers with
 * different rights push, mount, name and delete blobs in repositories of different namespaces.
 * HEAD, GET and mount must agree with the model, and so with each other, after each step. {@code
 * -Dcistern.schedules} says how many seeds.
 */
class ReachModelTest {
  private static final int STEPS = 80;
  private static final int BLOBS = 4;
  private static final List<String> REPOSITORIES = List.of("blue/app", "green/app", "red/app");
  private static final String FORM = "application/x-www-form-urlencoded";

  @TempDir Path directory;

  private final List<byte[]> blobs =
      IntStream.range(0, BLOBS).mapToObj(seed -> Samples.bytes(500 + seed, seed)).toList();
  private final Map<String, Set<Integer>> model = new HashMap<>();

  /** One who asks, and the verbs he has by namespaces. */
  private record Caller(String name, TestClient client, Map<String, Set<String>> verbs) {
    boolean may(String verb, String repository) {
      String namespace = repository.substring(0, repository.indexOf('/'));
      return verbs.getOrDefault(namespace, Set.of()).contains(verb);
    }
  }

  @Test
  void aBlobIsReachedOnlyThroughARepositoryThatHasItAndByThoseWhoMay() {
    try (CisternServer server = start()) {
      List<Caller> callers = callers(server);
      try {
        LongStream.rangeClosed(1, Long.getLong("cistern.schedules", 3))
            .forEach(seed -> run(seed, callers));
      } finally {
        callers.forEach(caller -> caller.client.close());
      }
    }
  }

  private CisternServer start() {
    var objects = new ObjectFiles(directory.resolve("objects"));
    bind(objects, "", "cluster-admin", ALICE);
    bind(objects, "blue", "registry-admin", BOB);
    bind(objects, "green", "registry-admin", CAROL);
    bind(objects, "blue", "system:image-puller", DAVE);
    bind(objects, "green", "system:image-pusher", DAVE);
    Path users = directory.resolve("users");
    ObjectFiles.replace(users, ALICE.line() + BOB.line() + CAROL.line() + DAVE.line());
    return new TestConfig(directory)
        .line("resources: [" + objects.directory() + "]")
        .line("access: {users: " + users + ", anonymous: none}")
        .line("logs: {access: false}")
        .start();
  }

  private static void bind(ObjectFiles objects, String namespace, String role, Accounts account) {
    objects.put(
        account.user() + namespace + ".yaml",
        ObjectFiles.binding(namespace, role, "User", account.user()));
  }

  private static List<Caller> callers(CisternServer server) {
    Set<String> all = Set.of("pull", "push", "delete");
    return List.of(
        new Caller("nobody", new TestClient(server), Map.of()),
        new Caller("alice", ALICE.client(server), Map.of("blue", all, "green", all, "red", all)),
        new Caller("bob", BOB.client(server), Map.of("blue", all)),
        new Caller("carol", CAROL.client(server), Map.of("green", all)),
        new Caller(
            "dave",
            DAVE.client(server),
            Map.of("blue", Set.of("pull"), "green", Set.of("pull", "push"))));
  }

  private void run(long seed, List<Caller> callers) {
    var random = new Random(seed);
    var steps = new ArrayList<String>();
    for (int i = 0; i < STEPS; i++) {
      Caller caller = callers.get(random.nextInt(callers.size()));
      String repository = any(random, REPOSITORIES);
      int blob = random.nextInt(BLOBS);
      String step =
          switch (random.nextInt(6)) {
            case 0 -> push(caller, repository, blob);
            case 1, 2 -> mount(caller, repository, any(random, REPOSITORIES), blob);
            case 3 -> mountFromAnywhere(caller, repository, blob);
            case 4 -> name(caller, repository, blob);
            default -> delete(caller, repository, blob);
          };
      steps.add(step);
      String history = "seed " + seed + ": " + steps;
      for (Caller each : callers) {
        assertReach(each, repository, blob, history);
      }
    }
  }

  private String push(Caller caller, String repository, int blob) {
    Answered answered = caller.client.pushBlob(repository, blobs.get(blob));
    assertThat(answered.status()).isEqualTo(expected(caller, "push", repository, 201));
    if (answered.status() == 201) {
      has(repository).add(blob);
    }
    return caller.name + " pushes " + blob + " to " + repository;
  }

  private String mount(Caller caller, String repository, String from, int blob) {
    String step = caller.name + " mounts " + blob + " to " + repository + " from " + from;
    boolean isReached = caller.may("pull", from) && has(from).contains(blob);
    int status = mount(caller, repository, blob, "&from=" + from);
    assertThat(status)
        .as(step)
        .isEqualTo(expected(caller, "push", repository, isReached ? 201 : 202));
    if (status == 201) {
      has(repository).add(blob);
    }
    return step;
  }

  /** Without a source, only who may pull everything gets it, and only while something has it. */
  private String mountFromAnywhere(Caller caller, String repository, int blob) {
    String step = caller.name + " mounts " + blob + " to " + repository;
    int status = mount(caller, repository, blob, "");
    if (status == 201) {
      assertThat(caller.name).as(step).isEqualTo("alice");
      has(repository).add(blob);
    } else {
      assertThat(status).as(step).isEqualTo(expected(caller, "push", repository, 202));
    }
    return step;
  }

  private int mount(Caller caller, String repository, int blob, String from) {
    Answered answered =
        caller.client.post(
            "/v2/" + repository + "/blobs/uploads/?mount=" + digest(blob) + from, FORM, "");
    if (answered.status() == 202) {
      assertThat(caller.client.delete(answered.header("Location")).status()).isEqualTo(204);
    }
    return answered.status();
  }

  /** Pushes a manifest that names a blob, which gives nobody the blob. */
  private String name(Caller caller, String repository, int blob) {
    byte[] manifest = Samples.manifestOf(List.of(blobs.get(blob)));
    int status =
        caller.client.putManifest("/v2/" + repository + "/manifests/t" + blob, manifest).status();
    assertThat(status).isEqualTo(expected(caller, "push", repository, 201));
    return caller.name + " names " + blob + " in " + repository;
  }

  private String delete(Caller caller, String repository, int blob) {
    String step = caller.name + " deletes " + blob + " from " + repository;
    int done = has(repository).contains(blob) ? 202 : 404;
    int status = caller.client.delete(path(repository, blob)).status();
    assertThat(status).as(step).isEqualTo(expected(caller, "delete", repository, done));
    if (status == 202) {
      has(repository).remove(blob);
    }
    return step;
  }

  private void assertReach(Caller caller, String repository, int blob, String history) {
    int found = has(repository).contains(blob) ? 200 : 404;
    int wanted = expected(caller, "pull", repository, found);
    Answered got = caller.client.get(path(repository, blob));
    assertThat(got.status()).as("GET by %s after %s", caller.name, history).isEqualTo(wanted);
    assertThat(caller.client.head(path(repository, blob)).status())
        .as("HEAD by %s after %s", caller.name, history)
        .isEqualTo(wanted);
    if (wanted == 200) {
      assertThat(got.bytes()).isEqualTo(blobs.get(blob));
    } else {
      assertThat(new String(got.bytes(), UTF_8)).contains("\"errors\"");
    }
  }

  private static int expected(Caller caller, String verb, String repository, int allowed) {
    if (caller.may(verb, repository)) {
      return allowed;
    }
    return caller.name.equals("nobody") ? 401 : 403;
  }

  private Set<Integer> has(String repository) {
    return model.computeIfAbsent(repository, name -> new TreeSet<>());
  }

  private String path(String repository, int blob) {
    return "/v2/" + repository + "/blobs/" + digest(blob);
  }

  private String digest(int blob) {
    return Samples.digest(blobs.get(blob));
  }

  private static <T> T any(Random random, List<T> list) {
    return list.get(random.nextInt(list.size()));
  }
}
