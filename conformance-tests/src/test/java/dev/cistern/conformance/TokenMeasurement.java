package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Measures what the check of a token costs: the CPU time of the server for a hot manifest, asked
 * with a token and anonymously, in turns of one run. Not among the tests that the build runs, since
 * it wants a machine of its own: {@code ./cistern test -Dtest=TokenMeasurement}. {@code
 * -Dcistern.rounds} says how many turns.
 */
class TokenMeasurement {
  private static final double MOST = 1.3;
  private static final int CONNECTIONS = 8;
  private static final int REQUESTS = 5_000;
  private static final int WARM_UP = 3;
  private static final Pattern TOKEN = Pattern.compile("\"token\":\"([^\"]+)\"");
  private static final String PATH = "/v2/project/app/manifests/v1";

  @TempDir Path directory;

  @Test
  void aTokenCostsAtMostThreeTenthsMoreThanNone() throws Exception {
    Path users = directory.resolve("users");
    ObjectFiles.replace(users, Accounts.ALICE.line());
    var objects = new ObjectFiles(directory.resolve("objects"));
    objects.put("a.yaml", ObjectFiles.binding("", "cluster-admin", "User", "alice"));
    try (CisternServer server =
            new TestConfig(directory)
                .line("resources: [" + objects.directory() + "]")
                .line("access: {users: " + users + ", anonymous: pull, tokenLife: 1h}")
                .line("logs: {access: false}")
                .start();
        TestClient alice = Accounts.ALICE.client(server)) {
      assertThat(alice.pushBlob("project/app", "{}".getBytes(UTF_8)).status()).isEqualTo(201);
      assertThat(alice.putManifest(PATH, Samples.manifest("hot")).status()).isEqualTo(201);
      String token = "Authorization: Bearer " + token(alice);
      var anonymous = new ArrayList<Double>();
      var checked = new ArrayList<Double>();
      int rounds = Integer.getInteger("cistern.rounds", 10);
      for (int round = -WARM_UP; round < rounds; round++) {
        double without = cost(server, "Accept: */*");
        double with = cost(server, token);
        if (round >= 0) {
          anonymous.add(without);
          checked.add(with);
        }
      }
      double ratio = median(checked) / median(anonymous);
      System.out.printf(
          "hot manifest, CPU us/request: anonymous %.1f, with a token %.1f, ratio %.2f%n",
          median(anonymous), median(checked), ratio);
      assertThat(ratio).isLessThanOrEqualTo(MOST);
    }
  }

  private static String token(TestClient client) {
    Matcher token = TOKEN.matcher(client.get("/token?scope=repository:project/app:pull").text());
    assertThat(token.find()).isTrue();
    return token.group(1);
  }

  /** Returns the microseconds of CPU time that a request takes, a header of which is given. */
  private static double cost(CisternServer server, String header)
      throws InterruptedException, ExecutionException {
    byte[] request =
        RawConnection.head("GET " + PATH + " HTTP/1.1", "Host: " + server.host(), header)
            .getBytes(UTF_8);
    Duration before = cpu(server);
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var clients = new ArrayList<Future<?>>();
      for (int i = 0; i < CONNECTIONS; i++) {
        clients.add(
            threads.submit(() -> {
              ask(server, request);
              return null;
            }));
      }
      for (Future<?> client : clients) {
        client.get();
      }
    }
    return cpu(server).minus(before).toNanos() / 1e3 / CONNECTIONS / REQUESTS;
  }

  private static void ask(CisternServer server, byte[] request) throws IOException {
    try (RawConnection connection = RawConnection.to(server)) {
      for (int i = 0; i < REQUESTS; i++) {
        assertThat(connection.send(request).reply().status()).isEqualTo(200);
      }
    }
  }

  private static Duration cpu(CisternServer server) {
    return ProcessHandle.of(server.pid())
        .flatMap(process -> process.info().totalCpuDuration())
        .orElseThrow(() -> new AssertionError("this system does not tell the CPU time"));
  }

  private static double median(List<Double> values) {
    var sorted = new ArrayList<>(values);
    Collections.sort(sorted);
    return sorted.get(sorted.size() / 2);
  }
}
