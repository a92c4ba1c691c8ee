package dev.cistern.mirror;

import dev.cistern.mirror.rules.MirrorRules;
import dev.cistern.mirror.upstream.Upstream;
import dev.cistern.mirror.upstream.UpstreamSettings;
import java.io.IOException;
import java.time.InstantSource;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** The configured upstreams by name, each opened when it is first needed. */
public final class Upstreams implements AutoCloseable {
  private final Map<String, UpstreamSettings> settings = new LinkedHashMap<>();
  private final Map<String, Upstream> open = new HashMap<>();
  private final InstantSource clock;

  public Upstreams(Collection<UpstreamSettings> settings, InstantSource clock) {
    settings.forEach(one -> this.settings.put(one.name(), one));
    this.clock = clock;
  }

  /** Returns the rules by which names lead to these upstreams. */
  public MirrorRules rules(Optional<String> defaultUpstream) {
    var names = new HashMap<String, String>();
    settings.values().forEach(one -> names.put(one.registry(), one.name()));
    return new MirrorRules(names, defaultUpstream);
  }

  synchronized Upstream get(String name) throws IOException {
    Upstream found = open.get(name);
    if (found == null) {
      UpstreamSettings wanted = settings.get(name);
      if (wanted == null) {
        throw new IllegalArgumentException("no upstream " + name);
      }
      found = Upstream.open(wanted, clock);
      open.put(name, found);
    }
    return found;
  }

  @Override
  public synchronized void close() throws IOException {
    for (Upstream upstream : open.values()) {
      upstream.close();
    }
  }
}
