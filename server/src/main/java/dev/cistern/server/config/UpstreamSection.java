package dev.cistern.server.config;

import dev.cistern.auth.credentials.CredentialsException;
import dev.cistern.auth.credentials.DockerConfig;
import dev.cistern.auth.credentials.Keyring;
import dev.cistern.mirror.rules.MirrorRules;
import dev.cistern.mirror.upstream.UpstreamSettings;
import dev.cistern.oci.OciException;
import dev.cistern.oci.RepositoryName;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/** One entry of {@code upstreams:}, and the upstreams that need no entry. */
final class UpstreamSection {
  private static final Duration FRESHNESS = Duration.ofMinutes(1);
  private static final Pattern HOST = Pattern.compile("[a-z0-9][a-z0-9.-]*(?::\\d{1,5})?");
  private static final String HUB = "docker.io";

  private UpstreamSection() {}

  /** Returns a registry on the internet that is used anonymously. */
  static UpstreamSettings publicRegistry(String host) {
    return new UpstreamSettings(
        host,
        host,
        usualEndpoint(host),
        Keyring.EMPTY,
        Optional.empty(),
        false,
        usualRealms(host),
        Set.of(),
        FRESHNESS);
  }

  /** Reads {@code [NAME=]URL}; plain http in it is taken as meant. */
  static UpstreamSettings parse(String text) {
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
        Keyring.EMPTY,
        Optional.empty(),
        "http".equals(endpoint.getScheme()),
        Set.of(),
        Set.of(),
        FRESHNESS);
  }

  /** Reads an entry. */
  static UpstreamSettings read(Section section) {
    String registry = MirrorRules.canonicalHost(section.required("registry"));
    if (!HOST.matcher(registry).matches()) {
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
    List<String> realms = section.texts("realms");
    var settings =
        new UpstreamSettings(
            name,
            registry,
            endpoint(section, registry, isInsecure),
            section.text("credentials").map(path -> keyring(section, path)).orElse(Keyring.EMPTY),
            section.text("caFile").map(path -> file(section, "caFile", path)),
            isInsecure,
            realms.isEmpty() ? usualRealms(registry) : Set.copyOf(realms),
            Set.copyOf(section.texts("trustedHosts")),
            section.duration("freshness").orElse(FRESHNESS));
    section.end();
    return settings;
  }

  private static URI endpoint(Section section, String registry, boolean isInsecure) {
    Optional<String> text = section.text("endpoint");
    if (text.isEmpty()) {
      return usualEndpoint(registry);
    }
    URI endpoint =
        web(text.get())
            .orElseThrow(() ->
                section.wrong(
                    "endpoint",
                    "a URL without a path, such as https://registry.example.com, is expected"));
    if ("http".equals(endpoint.getScheme()) && !isInsecure) {
      throw section.wrong("endpoint", "plain http needs insecure: true");
    }
    return endpoint;
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
