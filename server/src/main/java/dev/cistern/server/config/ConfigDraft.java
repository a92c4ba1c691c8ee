package dev.cistern.server.config;

import dev.cistern.auth.credentials.Keyring;
import dev.cistern.auth.credentials.LiveKeyring;
import dev.cistern.mirror.MirrorSettings;
import dev.cistern.mirror.upstream.ProxyRules;
import dev.cistern.mirror.upstream.UpstreamSettings;
import dev.cistern.server.config.AccessSettings.Anonymous;
import dev.cistern.server.http.HttpLimits;
import dev.cistern.server.http.TlsSettings;
import dev.cistern.server.streams.StreamSettings;
import dev.cistern.server.webhooks.WebhookSettings;
import dev.cistern.storage.StorageLimits;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A configuration under construction. It begins with the defaults. The file, the environment and
 * the command line are applied in that order, each over the settings before. Methods throw {@link
 * ConfigException} if a setting is refused.
 */
public final class ConfigDraft {
  private static final int DEFAULT_PORT = 5000;
  private static final int LAST_PORT = 65535;
  private static final Pattern ADDRESS =
      Pattern.compile("(?:\\[([0-9a-fA-F:.]+)\\]|([a-zA-Z0-9.-]*)):(\\d{1,5})");

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

  private final ProxyRules proxies;
  private final LiveKeyring pullSecret = new LiveKeyring(Keyring.EMPTY);
  private final Map<Path, LiveKeyring> credentials = new LinkedHashMap<>();
  private final Map<String, UpstreamSettings> upstreams = new LinkedHashMap<>();
  private InetSocketAddress listen =
      new InetSocketAddress(InetAddress.getLoopbackAddress(), DEFAULT_PORT);
  private Optional<TlsSettings> tls = Optional.empty();
  private HttpLimits clients = HttpLimits.USUAL;
  private Path data = Path.of("cistern-data");
  private StorageLimits limits = StorageLimits.NONE;
  private Optional<ScrubConfig> scrub = Optional.of(ScrubConfig.DEFAULT);
  private Optional<String> knownAs = Optional.empty();
  private Optional<String> defaultUpstream = Optional.empty();
  private ResourceSettings resources = ResourceSettings.NONE;
  private MirrorSettings mirror = MirrorSettings.USUAL;
  private StreamSettings streams = StreamSettings.USUAL;
  private List<WebhookSettings> webhooks = List.of();
  private DrainSettings drain = DrainSettings.DEFAULT;
  private Config.LogFormat logFormat = Config.LogFormat.TEXT;
  private boolean accessLog = true;
  private Optional<Section> access = Optional.empty();
  private Optional<Anonymous> anonymous = Optional.empty();

  /** Creates a draft whose upstreams are reached directly. */
  public ConfigDraft() {
    this(ProxyRules.DIRECT);
  }

  /**
   * Creates a draft whose upstreams are reached by {@code proxies} unless their entry sets another
   * proxy.
   */
  public ConfigDraft(ProxyRules proxies) {
    this.proxies = proxies;
    PUBLIC.forEach(host -> add(UpstreamSection.registry(host, false, pullSecret, proxies)));
  }

  /** Applies a YAML file. Errors name file, line and key. */
  public ConfigDraft read(Path file) {
    try {
      return parse(Files.readString(file), file.toString());
    } catch (IOException e) {
      throw new ConfigException(file + ": cannot be read: " + e);
    }
  }

  ConfigDraft parse(String yaml, String file) {
    Section.parse(yaml, file).ifPresent(this::read);
    return this;
  }

  private void read(Section root) {
    root.text("listen")
        .ifPresent(text ->
            listen =
                address(text)
                    .orElseThrow(() ->
                        root.wrong("listen", "HOST:PORT is expected, such as 127.0.0.1:5000")));
    root.section("tls").ifPresent(section -> tls = Optional.of(TlsSection.read(section)));
    root.section("limits").ifPresent(section -> clients = LimitsSection.read(section, clients));
    root.section("storage").ifPresent(this::readStorage);
    root.sections("upstreams")
        .forEach(section -> add(UpstreamSection.read(section, credentials, pullSecret, proxies)));
    root.text("defaultUpstream").ifPresent(this::defaultUpstream);
    mirror =
        new MirrorSettings(
            root.duration("patience").orElse(mirror.patience()),
            root.duration("absence").orElse(mirror.absence()));
    resources =
        new ResourceSettings(
            readNames(root).orElse(resources.names()),
            paths(root, "resources").orElse(resources.directories()),
            paths(root, "registriesConf").orElse(resources.registriesConf()),
            root.text("pullSecret")
                .map(path -> UpstreamSection.file(root, "pullSecret", path))
                .or(resources::pullSecret),
            Set.of(),
            Optional.empty(),
            Set.of());
    access = root.section("access").or(() -> access);
    root.section("imports").ifPresent(section -> streams = ImportsSection.read(section, streams));
    root.section("prune").ifPresent(section -> streams = PruneSection.read(section, streams));
    webhooks = webhooks(root);
    root.section("drain").ifPresent(section -> drain = DrainSection.read(section, drain));
    root.section("logs").ifPresent(this::readLogs);
    root.end();
  }

  private Optional<Set<String>> readNames(Section root) {
    List<String> names = root.texts("names");
    for (String name : names) {
      if (!UpstreamSection.isHost(name)) {
        throw root.wrong("names", "host[:port] in lower case is expected, not " + name);
      }
    }
    knownAs = names.stream().findFirst().or(() -> knownAs);
    return names.isEmpty() ? Optional.empty() : Optional.of(Set.copyOf(names));
  }

  private List<WebhookSettings> webhooks(Section root) {
    List<WebhookSettings> read =
        root.sections("webhooks").stream().map(WebhookSection::read).toList();
    if (read.stream().map(WebhookSettings::url).distinct().count() < read.size()) {
      throw root.wrong("webhooks", "two have one url");
    }
    return read.isEmpty() ? webhooks : read;
  }

  private static Optional<List<Path>> paths(Section root, String key) {
    List<Path> paths = root.texts(key).stream().map(Path::of).toList();
    for (Path path : paths) {
      if (!Files.isReadable(path)) {
        throw root.wrong(key, path + " cannot be read");
      }
    }
    return paths.isEmpty() ? Optional.empty() : Optional.of(paths);
  }

  private void readStorage(Section section) {
    section.text("path").ifPresent(text -> data = Path.of(text));
    OptionalLong maxSize = section.size("maxSize");
    if (maxSize.isPresent() && maxSize.getAsLong() == 0) {
      throw section.wrong(
          "maxSize", "more than nothing is expected; without the key there is no limit");
    }
    limits =
        new StorageLimits(
            maxSize,
            section.size("minFree"),
            section.duration("gcGrace").orElse(limits.grace()),
            section.duration("quarantine").orElse(limits.quarantine()));
    scrub = ScrubConfig.read(section, scrub);
    section.end();
  }

  private void readLogs(Section section) {
    section
        .text("format")
        .ifPresent(text ->
            logFormat =
                switch (text) {
                  case "text" -> Config.LogFormat.TEXT;
                  case "json" -> Config.LogFormat.JSON;
                  default -> throw section.wrong("format", "text or json is expected");
                });
    accessLog = section.flag("access").orElse(accessLog);
    section.end();
  }

  /** Sets the address to listen on, {@code HOST:PORT}. Port 0 stands for any free port. */
  public ConfigDraft listen(String text) {
    listen =
        address(text)
            .orElseThrow(() ->
                new ConfigException(
                    "listen: HOST:PORT is expected, such as 127.0.0.1:5000, not " + text));
    return this;
  }

  /** Sets the directory of the store. */
  public ConfigDraft data(Path directory) {
    data = directory;
    return this;
  }

  /** Adds an upstream, {@code [NAME=]URL}. */
  public ConfigDraft upstream(String text) {
    add(UpstreamSection.parse(text, pullSecret, proxies));
    return this;
  }

  /** Sets what unauthenticated clients may do: none, pull, push or admin. */
  public ConfigDraft anonymous(String text) {
    anonymous = AccessSection.anonymous(text);
    if (anonymous.isEmpty()) {
      throw new ConfigException("anonymous: none, pull, push or admin is expected, not " + text);
    }
    return this;
  }

  /** Sets the default upstream. */
  public ConfigDraft defaultUpstream(String name) {
    defaultUpstream = Optional.of(name);
    return this;
  }

  /** Adds a directory of the cluster's objects to those set before. */
  public ConfigDraft resources(Path directory) {
    var all = new ArrayList<>(resources.directories());
    all.add(directory);
    resources =
        new ResourceSettings(
            resources.names(),
            all,
            resources.registriesConf(),
            resources.pullSecret(),
            Set.of(),
            Optional.empty(),
            Set.of());
    return this;
  }

  /** Turns the access log on or off. */
  public ConfigDraft accessLog(boolean isOn) {
    accessLog = isOn;
    return this;
  }

  /** Returns the configuration if its parts are consistent. */
  public Config config() {
    AccessSettings settings =
        access
            .map(section -> AccessSection.read(section, anonymous, usually(Anonymous.PULL)))
            .orElseGet(() -> AccessSection.open(anonymous.orElse(usually(Anonymous.ADMIN))));
    return new Config(
        listen,
        tls,
        clients,
        data,
        limits,
        scrub,
        knownAs,
        List.copyOf(upstreams.values()),
        defaultUpstream,
        mirror,
        new ResourceSettings(
            resources.names().isEmpty() ? ownNames() : resources.names(),
            resources.directories(),
            resources.registriesConf(),
            resources.pullSecret(),
            credentials.keySet(),
            settings.users(),
            Set.copyOf(settings.issuers())),
        settings,
        streams,
        webhooks,
        pullSecret,
        credentials,
        (host, isInsecure) -> UpstreamSection.registry(host, isInsecure, pullSecret, proxies),
        drain,
        logFormat,
        accessLog);
  }

  /** Returns the default permissions of unauthenticated clients. Beyond loopback they have none. */
  private Anonymous usually(Anonymous onLoopback) {
    return isLoopback() ? onLoopback : Anonymous.NONE;
  }

  private boolean isLoopback() {
    return listen.getAddress() != null && listen.getAddress().isLoopbackAddress();
  }

  /** Returns the names by which clients on this machine know the server, if none are configured. */
  private Set<String> ownNames() {
    String host = listen.getHostString();
    int port = listen.getPort();
    Stream<String> hosts =
        isLoopback()
            ? Stream.of(host, "localhost", listen.getAddress().getHostAddress())
            : Stream.of(host);
    return hosts.map(one -> one + ":" + port).collect(Collectors.toUnmodifiableSet());
  }

  /** Adds an upstream. A later entry for a registry replaces an earlier one. */
  private void add(UpstreamSettings upstream) {
    upstreams.put(upstream.registry(), upstream);
  }

  /** Parses {@code HOST:PORT}. Without a host, it stands for all addresses. */
  static Optional<InetSocketAddress> address(String text) {
    Matcher matcher = ADDRESS.matcher(text);
    if (!matcher.matches() || Integer.parseInt(matcher.group(3)) > LAST_PORT) {
      return Optional.empty();
    }
    int port = Integer.parseInt(matcher.group(3));
    String host = matcher.group(1) == null ? matcher.group(2) : matcher.group(1);
    return Optional.of(
        host.isEmpty() ? new InetSocketAddress(port) : new InetSocketAddress(host, port));
  }
}
