package dev.cistern.conformance.clients;

import static dev.cistern.conformance.Accounts.ALICE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.conformance.CisternServer;
import dev.cistern.conformance.RawConnection;
import dev.cistern.conformance.TestIdentity;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Measures what tokens and TLS cost: the CPU time of the server for a hot manifest and for a blob
 * of 1 MiB, in clear and over TLS, anonymously and with a token, and that of nginx for the same as
 * files; all in turns of one run. Not among the tests that the build runs, since it wants a machine
 * of its own: {@code ./cistern test -Dtest=HotPathMeasurement}. {@code -Dcistern.rounds} says how
 * many turns.
 */
class HotPathMeasurement {
  private static final double MOST = 1.3;
  private static final int ROUNDS = Integer.getInteger("cistern.rounds", 10);
  private static final int WARM_UP = 3;
  private static final int CONNECTIONS = 8;
  private static final int MANIFESTS = 5_000;
  private static final int BLOBS = 100;
  private static final String NOBODY = "Accept: */*";
  private static final String LOGIN =
      "Authorization: Basic "
          + Base64.getEncoder()
              .encodeToString((ALICE.user() + ":" + ALICE.password()).getBytes(UTF_8));
  private static final Pattern TOKEN = Pattern.compile("\"token\":\"([^\"]+)\"");
  private static final String IMAGE = "application/vnd.oci.image.manifest.v1+json";
  private static final byte[] NOTHING = {};
  private static final byte[] CONFIG = "{}".getBytes(UTF_8);
  private static final byte[] BLOB = "0123456789abcdef".repeat(1 << 16).getBytes(UTF_8);
  private static final byte[] MANIFEST =
      """
      {"schemaVersion":2,"mediaType":"%s",
       "config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":2},
       "layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"%s","size":%d}]}
      """
          .formatted(IMAGE, OciLayout.digest(CONFIG), OciLayout.digest(BLOB), BLOB.length)
          .getBytes(UTF_8);
  private static final String MANIFEST_PATH = "/v2/project/app/manifests/v1";
  private static final String BLOB_PATH = "/v2/project/app/blobs/" + OciLayout.digest(BLOB);

  @TempDir Path directory;

  /** Who is asked, and how; and what each round has cost, in microseconds of CPU time. */
  private record Asked(
      String name, Target target, String header, List<Double> manifests, List<Double> blobs) {
    Asked(String name, Target target, String header) {
      this(name, target, header, new ArrayList<>(), new ArrayList<>());
    }
  }

  /** {@code host:port}, and the process that answers there, with its children. */
  private record Target(ProcessHandle server, String host, Optional<SSLContext> tls) {
    RawConnection connect() throws IOException {
      int port = Integer.parseInt(host.substring(host.indexOf(':') + 1));
      return tls.isPresent() ? RawConnection.to(port, tls.get()) : RawConnection.to(port);
    }

    /** Sends one request; the reply is short. */
    RawConnection.Reply ask(byte[] body, String... head) throws IOException {
      try (RawConnection connection = connect()) {
        String length = "Content-Length: " + body.length;
        return connection
            .send(RawConnection.head(lines(head, length)).getBytes(UTF_8))
            .send(body)
            .reply();
      }
    }

    private String[] lines(String[] head, String... more) {
      return Stream.of(head, new String[] {"Host: " + host}, more)
          .flatMap(Stream::of)
          .toArray(String[]::new);
    }

    Duration cpu() {
      return Stream.concat(Stream.of(server), server.descendants())
          .map(process -> process.info().totalCpuDuration())
          .flatMap(Optional::stream)
          .reduce(Duration.ZERO, Duration::plus);
    }
  }

  @Test
  void aTokenCostsAtMostThreeTenthsMoreThanNone() throws Exception {
    Clients.need("nginx");
    TestIdentity identity = TestIdentity.make(directory);
    Optional<SSLContext> tls = Optional.of(identity.trusting());
    String files =
        "tls: {certificate: %s, key: %s}".formatted(identity.caFile(), identity.keyFile());
    String plain = Listener.freeHost();
    String secret = Listener.freeHost();
    try (CisternServer clear = serve("clear", "");
        CisternServer encrypted = serve("encrypted", files);
        Nginx nginx =
            Nginx.files(
                directory.resolve("nginx"),
                plain,
                secret,
                layFiles(),
                identity.caFile(),
                identity.keyFile())) {
      Target inClear = target(clear, Optional.empty());
      Target overTls = target(encrypted, tls);
      push(inClear);
      push(overTls);
      List<Asked> all =
          List.of(
              new Asked("anonymous", inClear, NOBODY),
              new Asked("with a token", inClear, token(inClear)),
              new Asked("over TLS", overTls, NOBODY),
              new Asked("over TLS with a token", overTls, token(overTls)),
              new Asked("nginx", new Target(nginx.process(), plain, Optional.empty()), NOBODY),
              new Asked("nginx over TLS", new Target(nginx.process(), secret, tls), NOBODY));
      for (int round = -WARM_UP; round < ROUNDS; round++) {
        for (Asked asked : all) {
          double manifest = cost(asked, MANIFEST_PATH, MANIFEST.length, MANIFESTS);
          double blob = cost(asked, BLOB_PATH, BLOB.length, BLOBS);
          if (round >= 0) {
            asked.manifests.add(manifest);
            asked.blobs.add(blob);
          }
        }
      }
      for (Asked asked : all) {
        System.out.printf(
            "%-22s CPU us/request: manifest %5.1f, blob of 1 MiB %6.0f%n",
            asked.name, median(asked.manifests), median(asked.blobs));
      }
      assertThat(median(all.get(1).manifests) / median(all.get(0).manifests))
          .isLessThanOrEqualTo(MOST);
      assertThat(median(all.get(3).manifests) / median(all.get(2).manifests))
          .isLessThanOrEqualTo(MOST);
    }
  }

  private CisternServer serve(String name, String tls) throws IOException {
    Path below = Files.createDirectory(directory.resolve(name));
    Path users = Files.writeString(below.resolve("users"), ALICE.line());
    Path administrator =
        Files.writeString(
            below.resolve("administrator.yaml"),
            """
            apiVersion: rbac.authorization.k8s.io/v1
            kind: ClusterRoleBinding
            metadata: {name: administrators}
            roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
            subjects: [{kind: User, name: alice}]
            """);
    Path file =
        Files.writeString(
            below.resolve("cistern.yaml"),
            """
            %s
            access: {users: %s, anonymous: pull, tokenLife: 1h}
            resources: [%s]
            logs: {access: false}
            """
                .formatted(tls, users, administrator));
    return CisternServer.start(below.resolve("data"), "--config", file.toString());
  }

  private static Target target(CisternServer server, Optional<SSLContext> tls) {
    ProcessHandle process = ProcessHandle.of(server.pid()).orElseThrow();
    return new Target(process, server.host(), tls);
  }

  /** Lays out for nginx what is pushed to the others. */
  private Path layFiles() throws IOException {
    Path root = directory.resolve("www");
    for (var file : Map.of(MANIFEST_PATH, MANIFEST, BLOB_PATH, BLOB).entrySet()) {
      Path path = root.resolve(file.getKey().substring(1));
      Files.createDirectories(path.getParent());
      Files.write(path, file.getValue());
    }
    return root;
  }

  private static void push(Target target) throws IOException {
    for (byte[] one : List.of(BLOB, CONFIG)) {
      String upload =
          "POST /v2/project/app/blobs/uploads/?digest=" + OciLayout.digest(one) + " HTTP/1.1";
      assertThat(target.ask(one, upload, LOGIN).status()).isEqualTo(201);
    }
    RawConnection.Reply pushed =
        target.ask(MANIFEST, "PUT " + MANIFEST_PATH + " HTTP/1.1", LOGIN, "Content-Type: " + IMAGE);
    assertThat(pushed.status()).as(pushed.body()).isEqualTo(201);
  }

  private static String token(Target target) throws IOException {
    String request = "GET /token?scope=repository:project/app:pull HTTP/1.1";
    Matcher token = TOKEN.matcher(target.ask(NOTHING, request, LOGIN).body());
    assertThat(token.find()).isTrue();
    return "Authorization: Bearer " + token.group(1);
  }

  /** Returns the microseconds of CPU time that the server takes for one request. */
  private static double cost(Asked asked, String path, int length, int requests) throws Exception {
    byte[] request =
        RawConnection.head("GET " + path + " HTTP/1.1", "Host: " + asked.target.host, asked.header)
            .getBytes(UTF_8);
    Duration before = asked.target.cpu();
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var clients = new ArrayList<Future<?>>();
      for (int i = 0; i < CONNECTIONS; i++) {
        clients.add(
            threads.submit(() -> {
              ask(asked.target, request, length, requests);
              return null;
            }));
      }
      for (Future<?> client : clients) {
        client.get();
      }
    }
    return asked.target.cpu().minus(before).toNanos() / 1e3 / CONNECTIONS / requests;
  }

  private static void ask(Target target, byte[] request, int length, int requests)
      throws IOException {
    try (RawConnection connection = target.connect()) {
      for (int i = 0; i < requests; i++) {
        assertThat(connection.send(request).replyUpTo(length)).hasSize(length);
      }
    }
  }

  private static double median(List<Double> values) {
    var sorted = new ArrayList<>(values);
    Collections.sort(sorted);
    return sorted.get(sorted.size() / 2);
  }
}
