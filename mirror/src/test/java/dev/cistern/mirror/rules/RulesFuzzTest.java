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
import java.util.function.Consumer;
import java.util.stream.LongStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Whatever comes from outside becomes a value or a {@link RulesException}, and nothing else; and
 * whatever mirror sets there are, nothing of them is lost. {@code -Dcistern.schedules} says how
 * many seeds are tried.
 */
class RulesFuzzTest {
  private static final int ROUNDS = 1_500;
  private static final String TOML =
      """
      unqualified-search-registries = ["docker.io", 'quay.io']
      short-name-mode = "permissive"
      [[registry]]
      prefix = "*.example.com"
      blocked = false
      [[registry]]
      location = "example.com/a"
      insecure = true
        [[registry.mirror]]
        location = "m.example.com:5000/a"
        pull-from-mirror = "digest-only"
        [[registry.mirror]]
        location = "n.example.com"
        insecure = true
        pull-from-mirror = "tag-only"
      [[registry]]
      prefix = "x.org/y"
      location = "z.org"
      mirror-by-digest-only = true
      mirror = [{location = "o.org"}]
      """;
  private static final List<String> TOKENS =
      List.of(
          "[",
          "]",
          "[[",
          "]]",
          "{",
          "}",
          "=",
          ".",
          ",",
          "\"",
          "'",
          "\"\"\"",
          "\\",
          "\\u12",
          "#",
          "\n",
          "\0",
          "\ud800",
          "1e400",
          "-1",
          "0x",
          "1979-05-27T07:32:00Z",
          "true",
          "nan",
          "[registry]",
          "[[registry]]",
          "[registries.search]",
          "location",
          "mirror",
          "*.",
          "/",
          "://",
          "999999999999999999999999",
          "registry.mirror.location = 1");
  private static final List<String> REFERENCES =
      List.of(
          "busybox",
          "index.docker.io/x:v1",
          "a.example.com/ns/app:v1",
          "example.com/a/b@sha256:"
              + "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
          "x.org:5000/y/z");
  private static final List<String> SOURCES =
      List.of("s.io", "s.io/a", "s.io/a/b", "t.io:5000", "*.w.io", "x.w.io/c", "m1.io");
  private static final List<String> MIRRORS =
      List.of("m1.io", "m2.io/a", "m3.io:5000/a/b", "m4.io", "s.io", "s.io/a", "x.w.io/c");

  static LongStream seeds() {
    return LongStream.rangeClosed(1, Long.getLong("cistern.schedules", 3));
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void mutatedFilesAreReadOrRefused(long seed) {
    var random = new SplittableRandom(seed);
    int read = 0;
    for (int i = 0; i < ROUNDS; i++) {
      String toml = mutated(random, TOML);
      read += survives(toml, seed, RulesFuzzTest::readsBackWhatItWrites) ? 1 : 0;
    }

    assertThat(read).as("mutants that are files").isBetween(1, ROUNDS - 1);
  }

  private static void readsBackWhatItWrites(String toml) {
    RegistriesConf conf = RegistriesConfTest.parse(toml);
    assertThat(RegistriesConfTest.parse(conf.toToml())).isEqualTo(conf);
    assertThat(Drain.reasons(conf, conf)).isEmpty();
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void mutatedReferencesAreResolvedOrRefused(long seed) {
    var random = new SplittableRandom(seed);
    RegistriesConf conf = RegistriesConfTest.parse(TOML);
    int resolved = 0;
    for (int i = 0; i < ROUNDS; i++) {
      String reference = mutated(random, REFERENCES.get(random.nextInt(REFERENCES.size())));
      resolved +=
          survives(reference, seed, text -> assertThat(conf.resolve(text).sources()).isNotEmpty())
              ? 1
              : 0;
    }

    assertThat(resolved).as("mutants that are references").isBetween(1, ROUNDS - 1);
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void nothingOfRandomSetsIsLostAndTheirOrderNeverMatters(long seed) {
    var random = new SplittableRandom(seed);
    for (int i = 0; i < ROUNDS / 5; i++) {
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

  private static boolean survives(String text, long seed, Consumer<String> parser) {
    try {
      parser.accept(text);
      return true;
    } catch (RulesException expected) {
      assertThat(expected.getMessage()).isNotBlank();
      return false;
    } catch (RuntimeException | StackOverflowError e) {
      throw new AssertionError("seed " + seed + ": " + text, e);
    }
  }

  private static String mutated(SplittableRandom random, String text) {
    var mutant = new StringBuilder(text);
    int edits = random.nextInt(1, 5);
    for (int edit = 0; edit < edits; edit++) {
      int at = random.nextInt(mutant.length() + 1);
      int to = Math.min(mutant.length(), at + random.nextInt(1, 12));
      switch (random.nextInt(4)) {
        case 0 -> mutant.delete(at, to);
        case 1 -> mutant.insert(at, TOKENS.get(random.nextInt(TOKENS.size())));
        case 2 -> mutant.insert(at, mutant.substring(at, to).repeat(random.nextInt(1, 40)));
        default -> mutant.insert(at, (char) random.nextInt(0x250));
      }
    }
    return mutant.toString();
  }
}
