package dev.cistern.server.config;

import dev.cistern.auth.credentials.LiveKeyring;
import dev.cistern.mirror.MirrorSettings;
import dev.cistern.mirror.upstream.UpstreamSettings;
import dev.cistern.server.http.HttpLimits;
import dev.cistern.server.http.TlsSettings;
import dev.cistern.server.streams.StreamSettings;
import dev.cistern.server.webhooks.WebhookSettings;
import dev.cistern.storage.StorageLimits;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.stream.Stream;

/**
 * What the server is told to do; made by a {@link ConfigDraft}.
 *
 * @param tls how it speaks TLS; without it, HTTP in clear
 * @param clients what it bears of its clients
 * @param data the directory of the store
 * @param limits how much the store may take
 * @param scrub how stored content is verified in the background; empty for not at all
 * @param knownAs by what clients know this registry, the first of its names; empty for what each of
 *     them calls it
 * @param defaultUpstream the upstream of repositories whose name begins with no upstream's
 * @param streams how image streams are looked after
 * @param webhooks who is told when their tags move
 * @param pullSecret what all upstreams use that have no credentials of their own; empty at first
 * @param credentials what upstreams use that have their own, by its file
 * @param unlisted the settings of a registry that only a rule names: of its host, insecure or not
 * @param drain how it ends
 */
public record Config(
    InetSocketAddress listen,
    Optional<TlsSettings> tls,
    HttpLimits clients,
    Path data,
    StorageLimits limits,
    Optional<ScrubConfig> scrub,
    Optional<String> knownAs,
    List<UpstreamSettings> upstreams,
    Optional<String> defaultUpstream,
    MirrorSettings mirror,
    ResourceSettings resources,
    AccessSettings access,
    StreamSettings streams,
    List<WebhookSettings> webhooks,
    LiveKeyring pullSecret,
    Map<Path, LiveKeyring> credentials,
    BiFunction<String, Boolean, UpstreamSettings> unlisted,
    DrainSettings drain,
    LogFormat logFormat,
    boolean accessLog) {
  public Config {
    upstreams = List.copyOf(upstreams);
    webhooks = List.copyOf(webhooks);
    credentials = Map.copyOf(credentials);
    List<String> all = upstreams.stream().map(UpstreamSettings::name).sorted().toList();
    Set<String> names = Set.copyOf(all);
    if (names.size() != all.size()) {
      throw new ConfigException("two upstreams have one name; give one of them another with name:");
    }
    if (defaultUpstream.isPresent() && !names.contains(defaultUpstream.get())) {
      throw new ConfigException(
          "defaultUpstream: no upstream is called " + defaultUpstream.get() + "; there are " + all);
    }
  }

  /** Returns whether only programs on this machine reach the server. */
  public boolean isLoopbackOnly() {
    return Stream.concat(Stream.of(listen), tls.flatMap(TlsSettings::redirect).stream())
        .allMatch(
            address -> address.getAddress() != null && address.getAddress().isLoopbackAddress());
  }

  /** How log lines look. */
  public enum LogFormat {
    TEXT,
    JSON
  }
}
