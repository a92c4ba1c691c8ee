package dev.cistern.mirror.upstream;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.auth.credentials.Keyring;
import dev.cistern.auth.credentials.NamespaceKeyrings;
import dev.cistern.base.MemoryBudget;
import dev.cistern.mirror.CacheStatus;
import dev.cistern.mirror.Mirror;
import dev.cistern.mirror.MirrorSettings;
import dev.cistern.mirror.Upstreams;
import dev.cistern.mirror.rules.Location;
import dev.cistern.mirror.rules.MirrorRules;
import dev.cistern.mirror.upstream.AskedService.Said;
import dev.cistern.oci.Digest;
import dev.cistern.oci.Manifest;
import dev.cistern.oci.OciException;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import dev.cistern.storage.Origin;
import dev.cistern.storage.Store;
import dev.cistern.storage.StoredManifest;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tags that were checked while the clock was ahead: they are asked for now, and once. */
class FutureTagTest {
  private static final RepositoryName APP = new RepositoryName("up/app");
  private static final Tag V1 = new Tag("latest");
  private static final byte[] MANIFEST =
      "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[]}"
          .getBytes(UTF_8);
  private static final Instant NOW = Instant.parse("2026-11-30T12:00:00Z");

  private final AtomicReference<Instant> clock = new AtomicReference<>(NOW);
  private final AskedService registry =
      AskedService.start(
          "127.0.0.1",
          asked ->
              new Said(200, Map.of("Docker-Content-Digest", Digest.of(MANIFEST).toString()), ""));
  @TempDir private Path directory;

  @AfterEach
  void close() {
    registry.close();
  }

  @ParameterizedTest
  @CsvSource({
    "PT4M59S, false",
    "PT5M, false",
    "PT5M1S, true",
    "PT1H, true",
    "P365D, true",
    "P3650D, true"
  })
  void aTagThatWasCheckedInTheFutureIsAskedForOnce(Duration ahead, boolean isAsked)
      throws IOException {
    checked(NOW.plus(ahead));
    try (Store store = Store.open(directory, clock::get); // after a restart
        Mirror mirror = mirror(store, Optional.empty())) {
      Location location = mirror.locate(APP, Optional.empty(), Optional.empty());

      assertThat(mirror.why(location, V1).here().orElseThrow().freshUntil().orElseThrow())
          .matches(until -> until.isAfter(NOW) != isAsked);
      assertThat(mirror.manifest(location, V1).status().outcome())
          .isEqualTo(CacheStatus.Outcome.HIT);
      assertThat(registry.asked()).hasSize(isAsked ? 1 : 0);
      assertThat(mirror.manifest(location, V1).status().outcome())
          .isEqualTo(CacheStatus.Outcome.HIT);
      assertThat(registry.asked()).as("what was in the future is rewritten").isEmpty();

      clock.set(NOW.plus(Duration.ofMinutes(20)));
      mirror.manifest(location, V1);
      assertThat(registry.asked()).as("it becomes stale as usual").hasSize(1);
    }
  }

  @Test
  void soIsOneOfAStoreThatStaysOpenWhileTheClockIsSetBack() throws IOException {
    clock.set(NOW.plus(Duration.ofDays(365)));
    try (Store store = Store.open(directory, clock::get);
        Mirror mirror = mirror(store, Optional.empty())) {
      put(store);
      Location location = mirror.locate(APP, Optional.empty(), Optional.empty());
      mirror.manifest(location, V1);
      assertThat(registry.asked()).isEmpty();

      clock.set(NOW);
      mirror.manifest(location, V1);
      assertThat(registry.asked()).hasSize(1);
    }
  }

  @Test
  void howStaleItIsIsNotKnownSoMaxStaleIsExceeded() throws IOException {
    checked(NOW.plus(Duration.ofDays(365)));
    registry.answer(asked -> Said.of(500));
    try (Store store = Store.open(directory, clock::get);
        Mirror bounded = mirror(store, Optional.of(Duration.ofDays(7)))) {
      Location location = bounded.locate(APP, Optional.empty(), Optional.empty());
      assertThatThrownBy(() -> bounded.manifest(location, V1)).isInstanceOf(OciException.class);
    }
    try (Store store = Store.open(directory, clock::get);
        Mirror unbounded = mirror(store, Optional.empty())) {
      Location location = unbounded.locate(APP, Optional.empty(), Optional.empty());
      assertThat(unbounded.manifest(location, V1).status().outcome())
          .isEqualTo(CacheStatus.Outcome.STALE);
    }
  }

  /** Has the tag cached and checked at a time. */
  private void checked(Instant when) throws IOException {
    clock.set(when);
    try (Store store = Store.open(directory, clock::get)) {
      put(store);
    }
    clock.set(NOW);
  }

  private static void put(Store store) throws IOException {
    Manifest manifest = Manifest.parse(MANIFEST, Optional.empty());
    var stored = new StoredManifest(Digest.of(MANIFEST), manifest.mediaType(), MANIFEST);
    store.repositories().put(APP, stored, manifest, List.of(V1), Origin.CACHED);
  }

  private Mirror mirror(Store store, Optional<Duration> maxStale) {
    var minute = Duration.ofMinutes(1);
    var settings =
        new UpstreamSettings(
            "up",
            registry.host(),
            URI.create(registry.url()),
            Keyring.EMPTY,
            Optional.empty(),
            true,
            Set.of(),
            Set.of(),
            new Freshness(minute, minute, maxStale, true),
            List.of(),
            false,
            Optional.empty(),
            ConnectionSettings.DEFAULT);
    var upstreams =
        new Upstreams(
            List.of(settings),
            (host, any) -> settings,
            new NamespaceKeyrings(),
            clock::get,
            new MemoryBudget(MemoryBudget.MIN_BYTES));
    return new Mirror(
        store,
        upstreams,
        new MirrorRules(upstreams.registries(), Optional.empty()),
        clock::get,
        MirrorSettings.USUAL);
  }
}
