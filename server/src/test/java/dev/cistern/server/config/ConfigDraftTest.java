package dev.cistern.server.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.auth.access.OidcSettings;
import dev.cistern.mirror.upstream.HttpProxy;
import dev.cistern.mirror.upstream.Limits;
import dev.cistern.mirror.upstream.ProxyRules;
import dev.cistern.mirror.upstream.UpstreamSettings;
import dev.cistern.server.config.AccessSettings.Anonymous;
import dev.cistern.storage.ScrubSettings;
import dev.cistern.storage.StorageLimits;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalTime;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConfigDraftTest {
  @Test
  void aServerThatIsToldNothingListensOnLoopbackAndKnowsThePublicRegistries() {
    Config config = new ConfigDraft().config();

    assertThat(config.listen().getAddress().isLoopbackAddress()).isTrue();
    assertThat(config.listen().getPort()).isEqualTo(5000);
    assertThat(config.upstreams())
        .extracting(UpstreamSettings::name)
        .contains("docker.io", "quay.io", "ghcr.io");
    assertThat(config.defaultUpstream()).isEmpty();
  }

  @Test
  void onLoopbackEverybodyMayEverythingAndBeyondNobodyMayAnything() {
    AccessSettings local = new ConfigDraft().config().access();
    assertThat(local.isOpen()).isTrue();
    assertThat(local.anonymous()).isEqualTo(Anonymous.ADMIN);

    AccessSettings wide = new ConfigDraft().listen("0.0.0.0:5000").config().access();
    assertThat(wide.isOpen()).isTrue();
    assertThat(wide.anonymous()).isEqualTo(Anonymous.NONE);
    assertThat(new ConfigDraft().listen(":5000").anonymous("pull").config().access().anonymous())
        .isEqualTo(Anonymous.PULL);
  }

  @Test
  void aServerIsForThisMachineOnlyIfAllItsAddressesAreOnLoopback() {
    for (String address :
        List.of("127.0.0.1:5000", "127.8.9.1:1", "[::1]:5000", "localhost:5000")) {
      assertThat(new ConfigDraft().listen(address).config().isLoopbackOnly()).as(address).isTrue();
    }
    for (String address : List.of("0.0.0.0:5000", ":5000", "[::]:5000", "192.0.2.1:5000")) {
      assertThat(new ConfigDraft().listen(address).config().isLoopbackOnly()).as(address).isFalse();
    }
  }

  @Test
  void whereUsersAreAskedAnonymousPullsAreForLoopback(@TempDir Path directory) throws IOException {
    Path users = Files.writeString(directory.resolve("users"), "");
    String access = "access: {users: " + users + "}\n";
    assertThat(parse(access).access().isOpen()).isFalse();
    assertThat(parse(access).access().anonymous()).isEqualTo(Anonymous.PULL);
    assertThat(parse(access + "listen: 0.0.0.0:5000\n").access().anonymous())
        .isEqualTo(Anonymous.NONE);
    Config said =
        new ConfigDraft().parse("access: {anonymous: push}", "a").anonymous("none").config();
    assertThat(said.access().anonymous()).isEqualTo(Anonymous.NONE);
  }

  @Test
  void allKeysOfAccessAreRead(@TempDir Path directory) throws IOException {
    Path keys = Files.writeString(directory.resolve("jwks.json"), "{}");

    AccessSettings access =
        parse(
                """
                access:
                  anonymous: none
                  signingKeys: /etc/cistern/keys
                  service: registry.example.com
                  realm: https://registry.example.com/token
                  tokenLife: 10m
                  loginLife: 7d
                  requestsPerUser: 50
                  readOnly: true
                  issuers:
                  - {issuer: "https://sso.example.com", audience: cistern, keys: %s,
                     algorithm: ES256, usernameClaim: email, usernamePrefix: "-",
                     groupsClaim: groups, groupsPrefix: "sso:"}
                """
                    .formatted(keys))
            .access();

    assertThat(access)
        .isEqualTo(
            new AccessSettings(
                false,
                Anonymous.NONE,
                Optional.empty(),
                Optional.of(Path.of("/etc/cistern/keys")),
                List.of(
                    new AccessSettings.Issuer(
                        new OidcSettings(
                            "https://sso.example.com",
                            "cistern",
                            OidcSettings.Algorithm.ES256,
                            "email",
                            Optional.of("-"),
                            Optional.of("groups"),
                            Optional.of("sso:")),
                        keys)),
                "registry.example.com",
                Optional.of(URI.create("https://registry.example.com/token")),
                Duration.ofMinutes(10),
                Duration.ofDays(7),
                50,
                true));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "anonymous: some|anonymous: none, pull, push or admin is expected",
        "users: /no/such|users: the file /no/such cannot be read",
        "tokenLife: 2h|tokenLife: 1s to 1h is expected",
        "tokenLife: 1ms|tokenLife: 1s to 1h is expected",
        "realm: registry|realm: a URL such as https://registry.example.com/token is expected",
        "realm: https://u:p@h/token|realm: a URL such as",
        "userz: a|userz: unknown key",
        "issuers: [{audience: a}]|issuer: the key is missing",
        "issuers: [{issuer: a, audience: b, algorithm: none}]|not an algorithm for tokens",
      })
  void whatIsWrongInAccessIsNamed(String line, String complaint) {
    assertThatThrownBy(() -> parse("access: {" + line + "}"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(complaint)
        .hasMessageNotContaining("u:p");
  }

  @Test
  void anEmptyFileChangesNothing() {
    for (String empty : List.of("", "# only a comment\n")) {
      assertThat(parse(empty))
          .usingRecursiveComparison()
          .ignoringFields("unlisted")
          .isEqualTo(new ConfigDraft().config());
    }
  }

  @Test
  void everyKeyIsRead(@TempDir Path directory) throws IOException {
    Path credentials = directory.resolve("config.json");
    Files.writeString(credentials, "{\"auths\":{\"registry.example.com\":{\"auth\":\"YTpi\"}}}");
    Path ca = directory.resolve("ca.pem");
    Files.writeString(ca, "");

    Config config =
        parse(
            """
            listen: "[::1]:5001"
            storage:
              path: /var/lib/cistern
              maxSize: 500GiB
              minFree: 20GB
              gcGrace: 2h
              quarantine: 3d
            upstreams:
              - registry: registry.example.com
                name: example
                endpoint: https://mirror.example.com:8443
                credentials: %s
                caFile: %s
                realms: [sso.example.com]
                trustedHosts: [blobs.example.com]
                freshness: 5m
                proxy: http://user:word@[::1]:3128
                limits: {connections: 8, connect: 1s, headers: 2s, answer: 4s, idle: 3s}
              - registry: localhost:5000
                name: local
                endpoint: http://localhost:5000
                insecure: true
                proxy: none
              - registry: "[::1]:5000"
                name: six
            defaultUpstream: example
            patience: 500ms
            logs:
              format: json
              access: false
            """
                .formatted(credentials, ca));

    assertThat(config.listen().getPort()).isEqualTo(5001);
    assertThat(config.data()).isEqualTo(Path.of("/var/lib/cistern"));
    assertThat(config.limits())
        .isEqualTo(
            new StorageLimits(
                OptionalLong.of(500L << 30),
                OptionalLong.of(20_000_000_000L),
                Duration.ofHours(2),
                Duration.ofDays(3)));
    assertThat(config.defaultUpstream()).contains("example");
    assertThat(config.mirror().patience()).isEqualTo(Duration.ofMillis(500));
    assertThat(config.logFormat()).isEqualTo(Config.LogFormat.JSON);
    assertThat(config.accessLog()).isFalse();
    UpstreamSettings example = upstream(config, "example");
    assertThat(example.endpoint()).isEqualTo(URI.create("https://mirror.example.com:8443"));
    assertThat(example.keyring().find("registry.example.com", "a")).isPresent();
    assertThat(example.caFile()).isEqualTo(Optional.of(ca));
    assertThat(example.realms()).containsExactly("sso.example.com");
    assertThat(example.trusted()).containsExactly("blobs.example.com");
    assertThat(example.freshness().interval()).isEqualTo(Duration.ofMinutes(5));
    assertThat(example.connection().limits())
        .isEqualTo(
            new Limits(
                8,
                8,
                Duration.ofSeconds(1),
                Duration.ofSeconds(2),
                Duration.ofSeconds(4),
                Duration.ofSeconds(3)));
    assertThat(example.connection().proxies().proxyFor(example.endpoint()))
        .contains(new HttpProxy("::1", 3128, Optional.of(new HttpProxy.Login("user", "word"))));
    assertThat(upstream(config, "local").insecure()).isTrue();
    assertThat(upstream(config, "local").connection().limits()).isEqualTo(Limits.DEFAULT);
    assertThat(upstream(config, "six").endpoint()).isEqualTo(URI.create("https://[::1]:5000"));
  }

  @Test
  void upstreamsGoByTheEnvironmentUnlessTheySayOtherwise() {
    Config config =
        new ConfigDraft(ProxyRules.of(Map.of("all_proxy", "http://all:1")))
            .parse(
                """
                upstreams:
                  - {registry: a.example.com}
                  - {registry: b.example.com, proxy: none}
                  - {registry: c.example.com, proxy: 'http://own:2'}
                """,
                "c.yaml")
            .upstream("https://d.example.com")
            .config();

    assertThat(proxy(config, "docker.io")).contains("all:1");
    assertThat(proxy(config, "a.example.com")).contains("all:1");
    assertThat(proxy(config, "b.example.com")).isEmpty();
    assertThat(proxy(config, "c.example.com")).contains("own:2");
    assertThat(proxy(config, "d.example.com")).contains("all:1");
  }

  private static Optional<String> proxy(Config config, String name) {
    UpstreamSettings upstream = upstream(config, name);
    return upstream.connection().proxies().proxyFor(upstream.endpoint()).map(HttpProxy::toString);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "proxy: socks5://u:s3cret@a:1   | upstreams[0].proxy: http://[user:password@]host:port or none",
        "proxy: http://u:s3cret@a       | upstreams[0].proxy: http://[user:password@]host:port or none",
        "limits: {connections: 0}       | upstreams[0].limits.connections: a number from 1 to 10000",
        "limits: {connections: many}    | upstreams[0].limits.connections: a number from 1 to 10000",
        "limits: {fills: 65}            | upstreams[0].limits.fills: a number from 1 to 64",
        "limits: {connections: 2, fills: 3} | upstreams[0].limits.fills: a number from 1 to 2",
        "limits: {idle: 0s}             | upstreams[0].limits.idle: a duration of more than 0",
        "limits: {answer: 0s}           | upstreams[0].limits.answer: a duration of more than 0",
        "limits: {headers: long}        | upstreams[0].limits.headers: a duration such as",
        "limits: {total: 1s}            | upstreams[0].limits.total: unknown key",
        "limits: few                    | upstreams[0].limits: a mapping",
        "clientKey: /none               | upstreams[0].clientKey: it needs clientCertificate",
        "clientCertificate: /none       | upstreams[0].clientCertificate: it needs clientKey",
        "clientCertificate: /none, clientKey: /none | clientCertificate: the file /none is not there",
      })
  void refusesWhatIsWrongOfConnections(String yaml, String complaint) {
    assertThatThrownBy(() -> parse("upstreams: [{registry: a.io, " + yaml + "}]"))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith("c.yaml:1: ")
        .hasMessageContaining(complaint)
        .hasMessageNotContaining("s3cret");
  }

  @ParameterizedTest
  @CsvSource({
    "1MB, 1000000",
    "1MiB, 1048576",
    "2GB, 2000000000",
    "3GiB, 3221225472",
    "4TB, 4000000000000",
    "999999TiB, 1099510528264372224"
  })
  void sizesHaveUnits(String text, long bytes) {
    assertThat(parse("storage: {maxSize: " + text + "}").limits().maxSize()).hasValue(bytes);
  }

  @Test
  void anEntryForAPublicRegistryTakesItsPlace() {
    Config config =
        parse(
            """
            upstreams:
              - registry: index.docker.io
                freshness: 1h
            """);

    UpstreamSettings hub = upstream(config, "docker.io");
    assertThat(hub.freshness().interval()).isEqualTo(Duration.ofHours(1));
    assertThat(hub.endpoint()).isEqualTo(URI.create("https://registry-1.docker.io"));
    assertThat(hub.realms()).containsExactly("auth.docker.io");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "lisen: 1                              | c.yaml:1: lisen: unknown key; known here are",
        "storage: {maxsize: 1}                 | c.yaml:1: storage.maxsize: unknown key",
        "storage: {maxSize: 5}                 | c.yaml:1: storage.maxSize: a size such as 500GiB",
        "storage: {maxSize: 80%}               | c.yaml:1: storage.maxSize: a size such as 500GiB",
        "storage: {maxSize: 1000000TB}         | c.yaml:1: storage.maxSize: a size such as 500GiB",
        "storage: {maxSize: 0MB}               | c.yaml:1: storage.maxSize: more than nothing",
        "storage: {minFree: -1GB}              | c.yaml:1: storage.minFree: a size such as 500GiB",
        "storage: {gcGrace: soon}              | c.yaml:1: storage.gcGrace: a duration",
        "storage: here                         | c.yaml:1: storage: a mapping",
        "listen: nowhere                       | c.yaml:1: listen: HOST:PORT is expected",
        "listen: 1.2.3.4:99999                 | c.yaml:1: listen: HOST:PORT is expected",
        "patience: soon                        | c.yaml:1: patience: a duration",
        "drain: {timeout: soon}                | c.yaml:1: drain.timeout: a duration",
        "drain: {delay: 2d}                    | c.yaml:1: drain.delay: at most 1d",
        "drain: {fills: 31s}                   | c.yaml:1: drain.fills: at most drain.timeout",
        "drain: {grace: 1s}                    | c.yaml:1: drain.grace: unknown key",
        "logs: {format: xml}                   | c.yaml:1: logs.format: text or json",
        "logs: {access: perhaps}               | c.yaml:1: logs.access: true or false",
        "upstreams: {a: b}                     | c.yaml:1: upstreams: a list",
        "upstreams: [{name: a}]                | c.yaml:1: upstreams[0].registry: the key is missing",
        "upstreams: [{registry: 'a b'}]        | c.yaml:1: upstreams[0].registry: a host",
        "upstreams: [{registry: 'localhost:1'}]| upstreams[0].name: a repository's name cannot begin",
        "upstreams: [{registry: a.io, endpoint: 'http://a.io'}] | plain http needs insecure: true",
        "upstreams: [{registry: a.io, endpoint: 'ftp://a.io'}]  | a URL without a path",
        "upstreams: [{registry: a.io, credentials: /none}]      | the file /none cannot be read",
        "upstreams: [{registry: a.io, caFile: /none}]           | the file /none cannot be read",
        "upstreams: [{registry: a.io, colour: red}] | upstreams[0].colour: unknown key",
        "names: [A.example]                    | c.yaml:1: names: host[:port] in lower case",
        "resources: [/none]                    | c.yaml:1: resources: /none cannot be read",
        "registriesConf: [/none]               | c.yaml:1: registriesConf: /none cannot be read",
        "pullSecret: /none                     | c.yaml:1: pullSecret: the file /none cannot be read",
        "defaultUpstream: nobody               | no upstream is called nobody",
        "a: [                                  | not YAML",
        "listen: a:1, listen: b:2              | not YAML",
        "[1, 2]                                | a mapping",
      })
  void refusesWithFileLineAndKey(String yaml, String complaint) {
    assertThatThrownBy(() -> parse(yaml))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(complaint);
  }

  @Test
  void saysTheLineOfTheKey() {
    assertThatThrownBy(() -> parse("listen: 127.0.0.1:1\n\nstorage:\n  path: a\n  size: 5\n"))
        .hasMessageStartingWith("c.yaml:5: storage.size: unknown key");
  }

  @Test
  void refusesAKeyThatIsThereTwice() {
    assertThatThrownBy(() -> parse("patience: 1s\npatience: 2s\n"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("c.yaml:2");
  }

  @Test
  void refusesTwoUpstreamsOfOneName() {
    assertThatThrownBy(() ->
            parse(
                """
                upstreams:
                  - {registry: a.example.com, name: same}
                  - {registry: b.example.com, name: same}
                """))
        .hasMessageContaining("two upstreams have one name");
  }

  @Test
  void theCommandLineAddsUpstreams() {
    Config config =
        new ConfigDraft()
            .upstream("https://registry.example.com")
            .upstream("near=http://127.0.0.1:5001")
            .defaultUpstream("near")
            .config();

    assertThat(upstream(config, "registry.example.com").insecure()).isFalse();
    assertThat(upstream(config, "near").insecure()).isTrue();
    assertThat(upstream(config, "near").registry()).isEqualTo("127.0.0.1:5001");
  }

  @ParameterizedTest
  @CsvSource({
    "nonsense",
    "ftp://a.io",
    "https://u:p@a.io",
    "UPPER=https://a.io",
    "http://localhost:1"
  })
  void refusesAnUpstreamOfTheCommandLine(String text) {
    assertThatThrownBy(() -> new ConfigDraft().upstream(text))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith("upstream: ");
  }

  @Test
  void contentIsVerifiedInTheBackgroundUnlessThatIsOff() {
    ScrubConfig usual = new ConfigDraft().config().scrub().orElseThrow();
    assertThat(usual.settings()).isEqualTo(new ScrubSettings(Duration.ofDays(30), 20L << 20));
    assertThat(usual.window()).isEmpty();
    assertThat(parse("storage: {scrub: off}").scrub()).isEmpty();

    ScrubConfig set =
        parse("storage: {scrub: {every: 7d, rate: 50MiB, window: \"23:00-05:00\"}}")
            .scrub()
            .orElseThrow();
    assertThat(set.settings()).isEqualTo(new ScrubSettings(Duration.ofDays(7), 50L << 20));
    ScrubConfig.Window night = set.window().orElseThrow();
    assertThat(night.contains(LocalTime.parse("22:59:59"))).isFalse();
    assertThat(night.contains(LocalTime.parse("23:00"))).isTrue();
    assertThat(night.contains(LocalTime.parse("04:59:59"))).isTrue();
    assertThat(night.contains(LocalTime.parse("05:00"))).isFalse();
    assertThat(night.contains(LocalTime.NOON)).isFalse();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "storage: {scrub: on} | storage.scrub: a mapping (key: value) is expected",
        "storage: {scrub: {every: 0s}} | storage.scrub.every: a duration of more than 0",
        "storage: {scrub: {rate: 0MiB}} | storage.scrub.rate: more than nothing is expected",
        "storage: {scrub: {window: night}} | storage.scrub.window: HH:MM-HH:MM is expected",
        "storage: {scrub: {window: 25:00-26:00}} | storage.scrub.window: HH:MM-HH:MM is expected",
        "storage: {scrub: {window: 01:00-01:00}} | storage.scrub.window: HH:MM-HH:MM is expected",
        "storage: {scrub: {often: 1d}} | storage.scrub.often: unknown key"
      })
  void aScrubThatCannotBeIsRefused(String yaml, String message) {
    assertThatThrownBy(() -> parse(yaml)).hasMessageContaining(message);
  }

  private static Config parse(String yaml) {
    return new ConfigDraft().parse(yaml, "c.yaml").config();
  }

  private static UpstreamSettings upstream(Config config, String name) {
    return config.upstreams().stream()
        .filter(upstream -> upstream.name().equals(name))
        .findFirst()
        .orElseThrow();
  }
}
