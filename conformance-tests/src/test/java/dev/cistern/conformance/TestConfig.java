package dev.cistern.conformance;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A configuration file in the making, beside the store of the server that it is for. */
final class TestConfig {
  private final Path directory;
  private final StringBuilder upstreams = new StringBuilder();
  private final StringBuilder rest = new StringBuilder();
  private final Map<String, String> environment = new HashMap<>();

  TestConfig(Path directory) {
    this.directory = directory;
  }

  /** Adds an upstream that clients know by its host and port; {@code lines} are more keys of it. */
  TestConfig upstream(String name, UpstreamRegistry upstream, String... lines) {
    return add(upstream.host(), name, "endpoint: " + upstream.url(), lines);
  }

  /** Adds an upstream that clients know by the name {@code registry}. */
  TestConfig registry(String registry, UpstreamRegistry upstream, String... lines) {
    return registry(registry, upstream.url(), lines);
  }

  /** Adds an upstream at {@code endpoint} that clients know by the name {@code registry}. */
  TestConfig registry(String registry, String endpoint, String... lines) {
    return add(registry, registry, "endpoint: " + endpoint, lines);
  }

  /** Adds an upstream with several endpoints that clients know by the name {@code registry}. */
  TestConfig registry(String registry, List<UpstreamRegistry> endpoints, String... lines) {
    List<String> urls = endpoints.stream().map(UpstreamRegistry::url).toList();
    return add(registry, registry, "endpoints: " + urls, lines);
  }

  private TestConfig add(String registry, String name, String endpoint, String... lines) {
    upstreams.append("  - registry: \"" + registry + "\"\n");
    upstreams.append("    name: " + name + "\n");
    upstreams.append("    " + endpoint + "\n");
    for (String line : lines) {
      upstreams.append("    " + line + "\n");
    }
    return this;
  }

  /** Adds an upstream that answers elsewhere than its scripted registry thinks. */
  TestConfig endpoint(String name, String endpoint, String... lines) {
    return add(name + ".example", name, "endpoint: " + endpoint, lines);
  }

  /** Sets a variable in the environment of the server. */
  TestConfig environment(String variable, String value) {
    environment.put(variable, value);
    return this;
  }

  /** Adds a key of the root. */
  TestConfig line(String line) {
    rest.append(line + "\n");
    return this;
  }

  /** Has the server speak TLS; {@code lines} are more keys of {@code tls}. */
  TestConfig tls(TestIdentity identity, String... lines) {
    line("tls:").line("  certificate: " + identity.caFile()).line("  key: " + identity.keyFile());
    for (String line : lines) {
      line("  " + line);
    }
    return this;
  }

  /** Writes a docker configuration file; returns the line of an upstream that names it. */
  static String credentials(Path directory, String name, String auths) {
    return "credentials: " + write(directory.resolve(name), "{\"auths\":{" + auths + "}}");
  }

  /** Starts a server; called again, it starts with the same store. */
  CisternServer start() {
    return listen("127.0.0.1:0");
  }

  /** Starts a server at an address of its own. */
  CisternServer listen(String address) {
    Path file =
        write(
            directory.resolve("cistern.yaml"),
            (upstreams.isEmpty() ? "" : "upstreams:\n" + upstreams) + rest);
    return CisternServer.start(
        environment, directory.resolve("data"), "--config", file.toString(), "--listen", address);
  }

  private static Path write(Path file, String text) {
    try {
      return Files.writeString(file, text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
