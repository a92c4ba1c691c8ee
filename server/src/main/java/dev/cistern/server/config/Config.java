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
 * The configuration of a server, created by a {@link ConfigDraft}.
 *
 * @param tls the TLS settings; empty for plain HTTP
 * @param clients the limits for clients
 * @param data the directory of the store
 * @param limits the limits of the store
 * @param scrub the verification of stored content in the background; empty to disable it
 * @param knownAs the name by which clients know this registry, the first of its names; empty for
 *     the name that each client uses
 * @param defaultUpstream the upstream of repositories whose name does not begin with the name of an
 *     upstream
 * @param streams the settings of image streams
 * @param webhooks the webhooks that are notified when tags of image streams move
 * @param pullSecret the credentials of all upstreams without their own; empty at first
 * @param credentials the credentials of upstreams that have their own, by file
 * @param unlisted the settings of a registry that only a rule names, by its host and whether it is
 *     insecure
 * @param drain the settings of the drain
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

  /** Returns whether only programs on this machine can reach the server. */
  public boolean isLoopbackOnly() {
    return Stream.concat(Stream.of(listen), tls.flatMap(TlsSettings::redirect).stream())
        .allMatch(
            address -> address.getAddress() != null && address.getAddress().isLoopbackAddress());
  }

  /** The format of log lines. */
  public enum LogFormat {
    TEXT,
    JSON
  }
}
