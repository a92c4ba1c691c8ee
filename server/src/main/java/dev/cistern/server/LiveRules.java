package dev.cistern.server;

import dev.cistern.auth.access.OidcIssuer;
import dev.cistern.auth.credentials.NamespaceKeyrings;
import dev.cistern.base.Guarded;
import dev.cistern.mirror.rules.MirrorRules;
import dev.cistern.server.access.Gate;
import dev.cistern.server.access.KeyDirectory;
import dev.cistern.server.config.AccessSettings;
import dev.cistern.server.config.Config;
import dev.cistern.server.config.ConfigException;
import dev.cistern.server.config.RuleFiles;
import dev.cistern.server.config.Rules;
import dev.cistern.server.objects.ClusterObjects;
import dev.cistern.server.objects.Enforcement;
import java.io.IOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The reloader of rules, secrets, users and keys. It applies the files at the start and whenever
 * they change. With them it applies the mirror sets and secrets that were created through the API.
 */
final class LiveRules implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(LiveRules.class);
  private static final Duration PAUSE = Duration.ofMillis(500);

  private final Config config;
  private final List<MirrorRules.Registry> registries;
  private final NamespaceKeyrings namespaces;
  private final RuleFiles files;
  private final Gate gate;
  private final ClusterObjects objects;
  private final StoredRules stored;
  private final KeyDirectory keys;
  private final InstantSource clock;
  private List<String> complaints = List.of();
  private boolean isToEnforce;
  private String failure = "";
  private @Nullable Thread watcher;

  /**
   * Reads the files.
   *
   * @throws IOException if there are no signing keys and none can be created
   * @throws ConfigException if a file is refused, since there is no earlier content that could stay
   *     in effect
   */
  LiveRules(
      Config config,
      List<MirrorRules.Registry> registries,
      NamespaceKeyrings namespaces,
      Gate gate,
      ClusterObjects objects,
      StoredRules stored,
      InstantSource clock)
      throws IOException {
    this.config = config;
    this.registries = registries;
    this.namespaces = namespaces;
    this.gate = gate;
    this.objects = objects;
    this.stored = stored;
    this.clock = clock;
    this.files = RuleFiles.open(config.resources());
    this.keys = new KeyDirectory(config.access().keys().orElse(config.data().resolve("keys")));
    if (!config.access().isOpen()) {
      keys.refresh();
    }
  }

  /**
   * Applies the contents of the files and returns the mirror rules among them. Unused entries of
   * pull secrets are logged.
   */
  synchronized MirrorRules apply() throws IOException {
    Rules rules = files.rules(stored.read());
    objects.files(rules.objects());
    Stream.concat(Stream.of(rules.pullSecret()), rules.namespaces().values().stream())
        .flatMap(secret -> secret.problems().stream())
        .forEach(problem -> LOG.warn("credentials not used: {}", problem));
    config.pullSecret().replace(rules.pullSecret());
    gate.rules(rules.access()).forEach(problem -> LOG.warn("grants nothing: {}", problem));
    identify();
    namespaces.replace(rules.namespaces());
    config.credentials().forEach((file, live) -> files.secret(file).ifPresent(live::replace));
    return new MirrorRules(
        registries,
        config.defaultUpstream(),
        rules.outbound(),
        rules.mirrorSets(),
        config.resources().names(),
        rules.namespaces().keySet());
  }

  private void identify() {
    if (config.access().isOpen()) {
      return;
    }
    var issuers = new ArrayList<OidcIssuer>();
    for (AccessSettings.Issuer issuer : config.access().issuers()) {
      files
          .keySet(issuer.keys())
          .ifPresent(text -> issuers.add(OidcIssuer.of(issuer.settings(), text, clock)));
    }
    gate.identities(files.users(), keys.keys(), issuers);
  }

  /**
   * Returns an action that applies everything, including the rules of the mirror. Actions run one
   * at a time, so that the latest contents take effect last.
   */
  Enforcement into(Consumer<MirrorRules> mirror) {
    return () -> {
      synchronized (this) {
        mirror.accept(apply());
      }
    };
  }

  /** Starts to watch the files and applies their changes through {@code enforcement}. */
  void follow(Enforcement enforcement) {
    watcher = Thread.ofVirtual().name("rules").start(() -> watch(enforcement));
  }

  private void watch(Enforcement enforcement) {
    try {
      while (true) {
        Thread.sleep(PAUSE);
        Guarded.run("reload of rules", () -> refresh(enforcement));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // the server stops
    }
  }

  private synchronized void refresh(Enforcement enforcement) {
    try {
      RuleFiles.Refreshed refreshed = files.refresh();
      var refused = new ArrayList<>(refreshed.complaints());
      boolean isRotated = isRotated(refused);
      refused.stream()
          .filter(complaint -> !complaints.contains(complaint))
          .forEach(complaint -> LOG.error("refused, what it said before stays: {}", complaint));
      complaints = refused;
      isToEnforce |= refreshed.isChanged() || isRotated;
      if (isToEnforce) {
        enforcement.enforce();
        isToEnforce = false;
        failure = "";
        LOG.info("changed rules and secrets are in force");
      }
    } catch (IOException | RuntimeException e) {
      if (!failure.equals(e.toString())) {
        LOG.atError().setCause(e).log("rules not changed; tried again until they are");
      }
      failure = e.toString();
    }
  }

  /**
   * Returns whether the signing keys changed. If a key file is refused, the previous keys stay in
   * use and other changes still take effect.
   */
  private boolean isRotated(List<String> refused) {
    try {
      return !config.access().isOpen() && keys.refresh();
    } catch (IOException e) {
      refused.add(String.valueOf(e.getMessage()));
      return false;
    }
  }

  @Override
  public void close() {
    if (watcher != null) {
      watcher.interrupt();
    }
  }
}
