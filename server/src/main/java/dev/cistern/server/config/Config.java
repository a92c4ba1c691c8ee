package dev.cistern.server.config;

import dev.cistern.auth.credentials.CredentialsException;
import dev.cistern.auth.credentials.DockerConfig;
import dev.cistern.auth.credentials.Keyring;
import dev.cistern.mirror.rules.MirrorRules;
import dev.cistern.mirror.upstream.UpstreamSettings;
import dev.cistern.oci.OciException;
import dev.cistern.oci.RepositoryName;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the server is told to do. Every key has a default; the file is {@code
 * docs/configuration.md}'s subject.
 *
 * @param patience how long a client waits for an upstream when what it wants is here but old
 */
public record Config(
    InetSocketAddress listen,
    Path data,
    List<UpstreamSettings> upstreams,
    Optional<String> defaultUpstream,
    Duration patience,
    LogFormat logFormat,
    boolean accessLog) {
  private static final int DEFAULT_PORT = 5000;
  private static final Duration FRESHNESS = Duration.ofMinutes(1);
  private static final Duration PATIENCE = Duration.ofSeconds(2);
  private static final Pattern ADDRESS =
      Pattern.compile("(?:\\[([0-9a-fA-F:.]+)\\]|([a-zA-Z0-9.-]*)):(\\d{1,5})");
  private static final Pattern HOST = Pattern.compile("[a-z0-9][a-z0-9.-]*(?::\\d{1,5})?");

  /** The registries that a server without configuration pulls from, anonymously. */
  private static final List<String> PUBLIC =
      List.of(
          "docker.io",
          "quay.io",
          "ghcr.io",
          "gcr.io",
          "registry.k8s.io",
          "mcr.microsoft.com",
          "public.ecr.aws",
          "registry.access.redhat.com",
          "registry.redhat.io");

  public Config {
    upstreams = List.copyOf(upstreams);
    Set<String> names = Set.copyOf(upstreams.stream().map(UpstreamSettings::name).toList());
    if (names.size() != upstreams.size()) {
      throw new ConfigException("two upstreams have one name; give one of them another with name:");
    }
    defaultUpstream.ifPresent(name -> {
      if (!names.contains(name)) {
        throw new ConfigException(
            "defaultUpstream: no upstream is called " + name + "; there are " + names);
      }
    });
  }

  /** How log lines look. */
  public enum LogFormat {
    TEXT,
    JSON
  }

  /** Returns the configuration of a server that is told nothing. */
  public static Config defaults() {
    return new Config(
        new InetSocketAddress(InetAddress.getLoopbackAddress(), DEFAULT_PORT),
        Path.of("cistern-data"),
        PUBLIC.stream().map(Config::publicRegistry).toList(),
        Optional.empty(),
        PATIENCE,
        LogFormat.TEXT,
        true);
  }

  /**
   * Reads a file.
   *
   * @throws ConfigException naming file, line and key
   */
  public static Config read(Path file) {
    try {
      return parse(Files.readString(file), file.toString());
    } catch (IOException e) {
      throw new ConfigException(file + ": cannot be read: " + e);
    }
  }

  static Config parse(String yaml, String file) {
    Optional<Section> root = Section.parse(yaml, file);
    return root.isEmpty() ? defaults() : of(root.get());
  }

  private static Config of(Section root) {
    Config defaults = defaults();
    InetSocketAddress listen =
        root.text("listen").map(text -> address(root, text)).orElse(defaults.listen);
    Path data = defaults.data;
    Optional<Section> storage = root.section("storage");
    if (storage.isPresent()) {
      data = storage.get().text("path").map(Path::of).orElse(data);
      storage.get().end();
    }
    Map<String, UpstreamSettings> upstreams = new LinkedHashMap<>();
    defaults.upstreams.forEach(upstream -> upstreams.put(upstream.registry(), upstream));
    for (Section section : root.sections("upstreams")) {
      UpstreamSettings upstream = upstream(section);
      upstreams.put(upstream.registry(), upstream);
    }
    LogFormat format = defaults.logFormat;
    boolean access = defaults.accessLog;
    Optional<Section> logs = root.section("logs");
    if (logs.isPresent()) {
      Section section = logs.get();
      format = section.text("format").map(text -> logFormat(section, text)).orElse(format);
      access = section.flag("access").orElse(access);
      section.end();
    }
    Optional<String> defaultUpstream = root.text("defaultUpstream");
    Duration patience = root.duration("patience").orElse(defaults.patience);
    root.end();
    return new Config(
        listen, data, List.copyOf(upstreams.values()), defaultUpstream, patience, format, access);
  }

  /** Returns this with another address, {@code HOST:PORT}; the command line's. */
  public Config withListen(String text) {
    return new Config(
        address(text)
            .orElseThrow(() -> new ConfigException("listen: HOST:PORT is expected, not " + text)),
        data,
        upstreams,
        defaultUpstream,
        patience,
        logFormat,
        accessLog);
  }

  /** Returns this with another directory for the store. */
  public Config withData(Path path) {
    return new Config(listen, path, upstreams, defaultUpstream, patience, logFormat, accessLog);
  }

  /** Returns this with one more upstream, {@code [NAME=]URL}; the command line's. */
  public Config withUpstream(String text) {
    int equals = text.indexOf('=');
    URI endpoint;
    try {
      endpoint = URI.create(text.substring(equals + 1));
    } catch (IllegalArgumentException e) {
      throw new ConfigException("upstream: [NAME=]URL is expected, not " + text);
    }
    if (endpoint.getHost() == null || !isWeb(endpoint)) {
      throw new ConfigException(
          "upstream: a URL such as https://registry.example.com is expected, not " + text);
    }
    String registry = MirrorRules.canonicalHost(endpoint.getRawAuthority());
    String name = equals < 0 ? registry : text.substring(0, equals);
    if (!isName(name)) {
      throw new ConfigException(
          "upstream: "
              + name
              + " cannot be the first part of a repository's name; write NAME="
              + endpoint);
    }
    boolean isPlain = "http".equals(endpoint.getScheme());
    var more = new ArrayList<>(upstreams);
    more.removeIf(upstream -> upstream.name().equals(name));
    more.add(
        new UpstreamSettings(
            name,
            registry,
            endpoint,
            Keyring.EMPTY,
            Optional.empty(),
            isPlain,
            Set.of(),
            Set.of(),
            FRESHNESS));
    return new Config(listen, data, more, defaultUpstream, patience, logFormat, accessLog);
  }

  /** Returns this with a default upstream, the name of one that is configured. */
  public Config withDefaultUpstream(String name) {
    return new Config(listen, data, upstreams, Optional.of(name), patience, logFormat, accessLog);
  }

  /** Returns this with or without a log line for each request. */
  public Config withAccessLog(boolean isOn) {
    return new Config(listen, data, upstreams, defaultUpstream, patience, logFormat, isOn);
  }

  private static UpstreamSettings upstream(Section section) {
    String registry = MirrorRules.canonicalHost(section.required("registry"));
    if (!HOST.matcher(registry).matches()) {
      throw section.wrong(
          "registry", "a host such as registry.example.com or host:5000 is expected");
    }
    String name = section.text("name").orElse(registry);
    if (!isName(name)) {
      throw section.wrong(
          "name",
          name + " cannot be the first part of a repository's name; add name: with a-z 0-9 . _ -");
    }
    boolean insecure = section.flag("insecure").orElse(false);
    URI endpoint = endpoint(section, registry, insecure);
    var settings =
        new UpstreamSettings(
            name,
            registry,
            endpoint,
            section.text("credentials").map(path -> keyring(section, path)).orElse(Keyring.EMPTY),
            section.text("caFile").map(path -> file(section, "caFile", path)),
            insecure,
            realms(section, registry),
            Set.copyOf(section.texts("trustedHosts")),
            section.duration("freshness").orElse(FRESHNESS));
    section.end();
    return settings;
  }

  private static URI endpoint(Section section, String registry, boolean insecure) {
    Optional<String> text = section.text("endpoint");
    if (text.isEmpty()) {
      return defaultEndpoint(registry);
    }
    URI endpoint;
    try {
      endpoint = URI.create(text.get());
    } catch (IllegalArgumentException e) {
      throw section.wrong("endpoint", "a URL is expected");
    }
    boolean isRoot = endpoint.getRawPath() == null || endpoint.getRawPath().length() <= 1;
    if (endpoint.getHost() == null || !isWeb(endpoint) || !isRoot) {
      throw section.wrong(
          "endpoint", "a URL without a path, such as https://registry.example.com, is expected");
    }
    if ("http".equals(endpoint.getScheme()) && !insecure) {
      throw section.wrong("endpoint", "plain http needs insecure: true");
    }
    return endpoint;
  }

  private static Set<String> realms(Section section, String registry) {
    List<String> realms = section.texts("realms");
    return realms.isEmpty() ? usualRealms(registry) : Set.copyOf(realms);
  }

  private static Keyring keyring(Section section, String path) {
    try {
      return DockerConfig.read(file(section, "credentials", path));
    } catch (CredentialsException e) {
      throw section.wrong("credentials", String.valueOf(e.getMessage()));
    }
  }

  private static Path file(Section section, String key, String path) {
    Path file = Path.of(path);
    if (!Files.isReadable(file)) {
      throw section.wrong(key, "the file " + path + " cannot be read");
    }
    return file;
  }

  private static LogFormat logFormat(Section section, String text) {
    return switch (text) {
      case "text" -> LogFormat.TEXT;
      case "json" -> LogFormat.JSON;
      default -> throw section.wrong("format", "text or json is expected");
    };
  }

  private static InetSocketAddress address(Section section, String text) {
    return address(text)
        .orElseThrow(
            () -> section.wrong("listen", "HOST:PORT is expected, such as 127.0.0.1:5000"));
  }

  private static Optional<InetSocketAddress> address(String text) {
    Matcher matcher = ADDRESS.matcher(text);
    if (!matcher.matches() || Integer.parseInt(matcher.group(3)) > 65535) {
      return Optional.empty();
    }
    int port = Integer.parseInt(matcher.group(3));
    String host = matcher.group(1) == null ? matcher.group(2) : matcher.group(1);
    return Optional.of(
        host.isEmpty() ? new InetSocketAddress(port) : new InetSocketAddress(host, port));
  }

  private static boolean isWeb(URI uri) {
    return "http".equals(uri.getScheme()) || "https".equals(uri.getScheme());
  }

  private static boolean isName(String name) {
    try {
      return new RepositoryName(name).path().indexOf('/') < 0;
    } catch (OciException e) {
      return false;
    }
  }

  private static UpstreamSettings publicRegistry(String host) {
    return new UpstreamSettings(
        host,
        host,
        defaultEndpoint(host),
        Keyring.EMPTY,
        Optional.empty(),
        false,
        usualRealms(host),
        Set.of(),
        FRESHNESS);
  }

  private static URI defaultEndpoint(String registry) {
    return URI.create(
        "https://" + (registry.equals("docker.io") ? "registry-1.docker.io" : registry));
  }

  private static Set<String> usualRealms(String registry) {
    return registry.equals("docker.io") ? Set.of("auth.docker.io") : Set.of();
  }
}
