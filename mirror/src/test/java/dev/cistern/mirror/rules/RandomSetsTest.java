package dev.cistern.mirror.rules;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.mirror.rules.MirrorSet.Kind;
import dev.cistern.mirror.rules.RegistriesConf.Mirror;
import dev.cistern.mirror.rules.RegistriesConf.Registry;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.stream.LongStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Whatever mirror sets there are, nothing of them is lost. {@code -Dcistern.schedules} says how
 * many seeds are tried.
 */
class RandomSetsTest {
  private static final int ROUNDS = 300;
  private static final List<String> SOURCES =
      List.of("s.io", "s.io/a", "s.io/a/b", "t.io:5000", "*.w.io", "x.w.io/c", "m1.io");
  private static final List<String> MIRRORS =
      List.of("m1.io", "m2.io/a", "m3.io:5000/a/b", "m4.io", "s.io", "s.io/a", "x.w.io/c");

  static LongStream seeds() {
    return LongStream.rangeClosed(1, Long.getLong("cistern.schedules", 3));
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void nothingOfRandomSetsIsLostAndTheirOrderNeverMatters(long seed) {
    var random = new SplittableRandom(seed);
    for (int i = 0; i < ROUNDS; i++) {
      List<MirrorSet> sets = sets(random);
      List<String> insecure = some(random, SOURCES);
      List<String> blocked = some(random, SOURCES);
      RegistriesConf merged = RegistriesConf.merge(sets, insecure, blocked);
      var shuffled = new ArrayList<>(sets);
      Collections.shuffle(shuffled, new Random(random.nextLong()));

      assertThat(RegistriesConf.merge(shuffled, insecure, blocked))
          .as("seed %d", seed)
          .isEqualTo(merged);
      assertThat(RegistriesConfTest.parse(merged.toToml())).as("seed %d", seed).isEqualTo(merged);
      checkNothingIsLost(sets, merged);
      HostsTree tree = HostsTree.of(sets, host -> Optional.of("Basic eDp5"));
      assertThat(HostsTree.of(shuffled, host -> Optional.of("Basic eDp5"))).isEqualTo(tree);
      checkNothingIsLost(sets, tree);
    }
  }

  private static void checkNothingIsLost(List<MirrorSet> sets, RegistriesConf merged) {
    for (MirrorSet set : sets) {
      for (MirrorSet.Entry entry : set.entries()) {
        if (Merging.isReal(entry)) {
          Registry registry = MergeTest.find(merged, entry.source());
          var wanted = new TreeSet<>(entry.mirrors());
          wanted.remove(entry.source());
          assertThat(registry.mirrors())
              .filteredOn(mirror -> mirror.pullFrom().equals(Optional.of(set.kind().pullFrom())))
              .extracting(Mirror::location)
              .containsAll(wanted)
              .doesNotHaveDuplicates();
          assertThat(registry.isBlocked() || !entry.neverContactsSource()).isTrue();
        }
      }
    }
  }

  private static void checkNothingIsLost(List<MirrorSet> sets, HostsTree tree) {
    for (MirrorSet set : sets) {
      for (MirrorSet.Entry entry : set.entries()) {
        if (Merging.isReal(entry) && !Scopes.isWildcard(entry.source())) {
          String host = Scopes.host(entry.source());
          String text = tree.files().getOrDefault(host + "/hosts.toml", "");
          assertThat(entry.mirrors())
              .filteredOn(mirror -> !Scopes.host(mirror).equals(host))
              .allMatch(mirror -> text.contains("[host.\"https://" + Scopes.host(mirror)));
          assertThat(text.contains("\"https://" + host + "/v2\"") && entry.neverContactsSource())
              .as("never contacted, in %s", text)
              .isFalse();
        }
      }
    }
  }

  private static List<MirrorSet> sets(SplittableRandom random) {
    var sets = new ArrayList<MirrorSet>();
    int count = random.nextInt(1, 6);
    for (int i = 0; i < count; i++) {
      var entries = new ArrayList<MirrorSet.Entry>();
      for (String source : some(random, SOURCES)) {
        entries.add(new MirrorSet.Entry(source, some(random, MIRRORS), random.nextInt(5) == 0));
      }
      sets.add(new MirrorSet(random.nextBoolean() ? Kind.DIGEST : Kind.TAG, entries));
    }
    return sets;
  }

  private static List<String> some(SplittableRandom random, List<String> all) {
    var some = new ArrayList<String>();
    int count = random.nextInt(4);
    for (int i = 0; i < count; i++) {
      some.add(all.get(random.nextInt(all.size())));
    }
    return some;
  }
}
