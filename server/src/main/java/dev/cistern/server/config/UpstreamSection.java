package dev.cistern.server.config;

import dev.cistern.auth.credentials.CredentialsException;
import dev.cistern.auth.credentials.Keyring;
import dev.cistern.auth.credentials.LiveKeyring;
import dev.cistern.mirror.rules.MirrorRules;
import dev.cistern.mirror.upstream.ConnectionSettings;
import dev.cistern.mirror.upstream.Freshness;
import dev.cistern.mirror.upstream.ProxyRules;
import dev.cistern.mirror.upstream.UpstreamSettings;
import dev.cistern.oci.OciException;
import dev.cistern.oci.Platform;
import dev.cistern.oci.RepositoryName;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * The parser of the entries of {@code upstreams:}, and the settings of upstreams without an entry.
 */
final class UpstreamSection {
  private static final Pattern HOST =
      Pattern.compile("(?:[a-z0-9][a-z0-9.-]*|\\[[0-9a-f:.]+\\])(?::\\d{1,5})?");
  private static final String HUB = "docker.io";

  private UpstreamSection() {}

  /**
   * Returns the settings of a registry without an entry.
   *
   * @param isInsecure whether its certificate is not verified, and plain HTTP is tried after HTTPS
   */
  static UpstreamSettings registry(
      String host, boolean isInsecure, Keyring pullSecret, ProxyRules proxies) {
    return new UpstreamSettings(
        host,
        host,
        usualEndpoint(host),
        pullSecret,
        Optional.empty(),
        isInsecure,
        usualRealms(host),
        Set.of(),
        Freshness.USUAL,
        isInsecure ? List.of(URI.create("http://" + host)) : List.of(),
        false,
        Optional.empty(),
        ConnectionSettings.DEFAULT.through(proxies));
  }

  /** Parses {@code [NAME=]URL}. A plain HTTP URL makes the upstream insecure. */
  static UpstreamSettings parse(String text, Keyring pullSecret, ProxyRules proxies) {
    int equals = text.indexOf('=');
    URI endpoint =
        web(text.substring(equals + 1))
            .orElseThrow(() ->
                new ConfigException(
                    "upstream: [NAME=]URL is expected, such as https://registry.example.com,"
                        + " not "
                        + text));
    String registry = MirrorRules.canonicalHost(endpoint.getRawAuthority());
    String name = equals < 0 ? registry : text.substring(0, equals);
    if (!isName(name)) {
      throw new ConfigException(
          "upstream: a repository's name cannot begin with "
              + name
              + "; write NAME="
              + endpoint
              + " with a-z 0-9 . _ - in NAME");
    }
    return new UpstreamSettings(
        name,
        registry,
        endpoint,
        pullSecret,
        Optional.empty(),
        "http".equals(endpoint.getScheme()),
        Set.of(),
        Set.of(),
        Freshness.USUAL,
        List.of(),
        false,
        Optional.empty(),
        ConnectionSettings.DEFAULT.through(proxies));
  }

  /**
   * Reads an entry.
   *
   * @param credentials receives the contents of the entry's own file of credentials
   * @param pullSecret the credentials of an entry without its own; for other entries, the fallback
   * @param proxies the proxies of an entry that sets none
   */
  static UpstreamSettings read(
      Section section, Map<Path, LiveKeyring> credentials, Keyring pullSecret, ProxyRules proxies) {
    String registry = MirrorRules.canonicalHost(section.required("registry"));
    if (!isHost(registry)) {
      throw section.wrong(
          "registry", "a host such as registry.example.com or host:5000 is expected");
    }
    String name = section.text("name").orElse(registry);
    if (!isName(name)) {
      throw section.wrong(
          "name",
          "a repository's name cannot begin with " + name + "; give name: with a-z 0-9 . _ -");
    }
    boolean isInsecure = section.flag("insecure").orElse(false);
    List<URI> endpoints = endpoints(section, isInsecure);
    List<String> realms = section.texts("realms");
    var settings =
        new UpstreamSettings(
            name,
            registry,
            endpoints.isEmpty() ? usualEndpoint(registry) : endpoints.getFirst(),
            section
                .text("credentials")
                .map(
                    path -> Keyring.first(List.of(keyring(section, path, credentials), pullSecret)))
                .orElse(pullSecret),
            section.text("caFile").map(path -> file(section, "caFile", path)),
            isInsecure,
            realms.isEmpty() ? usualRealms(registry) : Set.copyOf(realms),
            Set.copyOf(section.texts("trustedHosts")),
            freshness(section),
            endpoints.isEmpty() ? List.of() : endpoints.subList(1, endpoints.size()),
            section.flag("digestOnly").orElse(false),
            prefetch(section),
            ConnectionSection.read(section, proxies));
    section.end();
    return settings;
  }

  /**
   * Reads {@code endpoint}, or {@code endpoints} in the order they are tried. Returns an empty list
   * if both keys are missing.
   */
  private static List<URI> endpoints(Section section, boolean isInsecure) {
    Optional<String> only = section.text("endpoint");
    List<String> several = section.texts("endpoints");
    if (only.isPresent() && !several.isEmpty()) {
      throw section.wrong("endpoints", "give endpoint or endpoints, not both");
    }
    String key = only.isPresent() ? "endpoint" : "endpoints";
    var endpoints = new ArrayList<URI>();
    for (String text : only.map(List::of).orElse(several)) {
      URI endpoint =
          web(text)
              .orElseThrow(() ->
                  section.wrong(
                      key,
                      "a URL without a path, such as https://registry.example.com, is expected"));
      if ("http".equals(endpoint.getScheme()) && !isInsecure) {
        throw section.wrong(key, "plain http needs insecure: true");
      }
      endpoints.add(endpoint);
    }
    return endpoints;
  }

  /**
   * Reads {@code prefetch}, a list of platforms, in which {@code all} stands for every platform.
   */
  static Optional<List<Platform>> prefetch(Section section) {
    List<String> wanted = section.texts("prefetch");
    if (wanted.isEmpty()) {
      return Optional.empty();
    }
    if (wanted.contains("all")) {
      return Optional.of(List.of());
    }
    try {
      return Optional.of(wanted.stream().map(Platform::parse).toList());
    } catch (OciException e) {
      throw section.wrong("prefetch", e.message() + "; all, or OS/ARCHITECTURE, is expected");
    }
  }

  private static Freshness freshness(Section section) {
    Duration interval = section.duration("freshness").orElse(Freshness.USUAL.interval());
    boolean keepsMissing =
        section
            .text("onMissing")
            .map(text ->
                switch (text) {
                  case "keep" -> true;
                  case "drop" -> false;
                  default -> throw section.wrong("onMissing", "keep or drop is expected");
                })
            .orElse(Freshness.USUAL.keepsMissing());
    return new Freshness(
        interval,
        section.duration("versionFreshness").orElse(interval),
        section.duration("maxStale"),
        keepsMissing);
  }

  private static Optional<URI> web(String text) {
    URI uri;
    try {
      uri = URI.create(text);
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
    boolean isWeb = "http".equals(uri.getScheme()) || "https".equals(uri.getScheme());
    boolean isRoot = uri.getRawPath() == null || uri.getRawPath().length() <= 1;
    boolean isPlain = uri.getRawUserInfo() == null && uri.getRawQuery() == null;
    return isWeb && isRoot && isPlain && uri.getHost() != null
        ? Optional.of(uri)
        : Optional.empty();
  }

  private static Keyring keyring(Section section, String path, Map<Path, LiveKeyring> credentials) {
    Path file = file(section, "credentials", path);
    try {
      Keyring read = RuleFiles.readSecret(file);
      return credentials.computeIfAbsent(file, absent -> new LiveKeyring(read));
    } catch (CredentialsException | ConfigException e) {
      throw section.wrong("credentials", String.valueOf(e.getMessage()));
    }
  }

  static Path file(Section section, String key, String path) {
    Path file = Path.of(path);
    if (!Files.isReadable(file)) {
      throw section.wrong(key, "the file " + path + " cannot be read");
    }
    return file;
  }

  /** Returns whether {@code text} is {@code host[:port]} in lower case. */
  static boolean isHost(String text) {
    return HOST.matcher(text).matches();
  }

  private static boolean isName(String name) {
    try {
      return new RepositoryName(name).path().indexOf('/') < 0;
    } catch (OciException e) {
      return false;
    }
  }

  private static URI usualEndpoint(String registry) {
    return URI.create("https://" + (registry.equals(HUB) ? "registry-1.docker.io" : registry));
  }

  private static Set<String> usualRealms(String registry) {
    return registry.equals(HUB) ? Set.of("auth.docker.io") : Set.of();
  }
}
