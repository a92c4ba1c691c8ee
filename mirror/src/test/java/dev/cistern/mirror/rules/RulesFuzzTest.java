package dev.cistern.mirror.rules;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.cistern.mirror.rules.MirrorSet.Kind;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Timeout;

/**
 * Whatever comes from outside becomes a value or a {@link RulesException}, and nothing else; what
 * is written of it is read as the same.
 */
class RulesFuzzTest {
  /** Three texts of 200 characters, each escaped, and what is said of them. */
  private static final int LONGEST_COMPLAINT = 5_000;

  private static final int LONGEST_REFERENCE = 1024;

  private static final RegistriesConf NOTHING = RegistriesConf.EMPTY;
  private static final RegistriesConf RULES =
      RegistriesConfTest.parse(
          """
          [[registry]]
          prefix = "*.example.com"
          [[registry]]
          location = "example.com/a"
            [[registry.mirror]]
            location = "m.example.com:5000/a"
            pull-from-mirror = "digest-only"
            [[registry.mirror]]
            location = "n.example.com"
          [[registry]]
          prefix = "x.org/y"
          location = "z.org"
          mirror-by-digest-only = true
          mirror = [{location = "o.org"}]
          """);

  @FuzzTest
  @Timeout(60)
  void registriesConf(byte[] input) {
    try {
      RegistriesConf conf = RegistriesConfTest.parse(new String(input, UTF_8));
      assertThat(RegistriesConfTest.parse(conf.toToml())).isEqualTo(conf);
      assertThat(Drain.reasons(conf, conf)).isEmpty();
      conf.registries().forEach(registry -> resolves(conf, registry.prefix() + "/x"));
    } catch (RulesException refused) {
      assertThat(refused.getMessage())
          .startsWith("registries.conf: ")
          .hasSizeLessThan(LONGEST_COMPLAINT);
    }
  }

  @FuzzTest
  @Timeout(60)
  void references(byte[] input) {
    String text = new String(input, UTF_8);
    if (resolves(NOTHING, text)) {
      String normal = NOTHING.resolve(text).sources().getFirst().reference();
      if (normal.length() <= LONGEST_REFERENCE) { // with the default registry and tag it is longer
        assertThat(NOTHING.resolve(normal).sources().getFirst().reference()).isEqualTo(normal);
      }
    }
    resolves(RULES, text);
  }

  private static boolean resolves(RegistriesConf conf, String text) {
    try {
      assertThat(conf.resolve(text).sources()).isNotEmpty();
      return true;
    } catch (RulesException refused) {
      assertThat(refused.getMessage()).isNotBlank().hasSizeLessThan(LONGEST_COMPLAINT);
      return false;
    }
  }

  /**
   * A line of the input is a scope that is insecure ({@code i SCOPE}) or blocked ({@code b SCOPE}),
   * or a set of one entry: {@code d SOURCE MIRROR...} of digests, {@code t} of tags, in capitals
   * under NeverContactSource.
   */
  @FuzzTest
  @Timeout(60)
  void sets(byte[] input) {
    var sets = new ArrayList<MirrorSet>();
    var insecure = new ArrayList<String>();
    var blocked = new ArrayList<String>();
    for (String line : new String(input, UTF_8).split("\n", -1)) {
      List<String> words = Arrays.asList(line.split(" ", -1));
      switch (words.getFirst()) {
        case "i" -> insecure.addAll(words.subList(1, words.size()));
        case "b" -> blocked.addAll(words.subList(1, words.size()));
        case "d", "D", "t", "T" -> set(words).ifPresent(sets::add);
        default -> {} // it says nothing
      }
    }
    try {
      RegistriesConf merged = RegistriesConf.merge(sets, insecure, blocked);
      assertThat(RegistriesConf.merge(sets.reversed(), insecure, blocked)).isEqualTo(merged);
      assertThat(RegistriesConfTest.parse(merged.toToml())).isEqualTo(merged);
    } catch (RulesException refused) {
      assertThat(refused.getMessage()).hasSizeLessThan(LONGEST_COMPLAINT);
    }
    HostsTree tree = HostsTree.of(sets, host -> Optional.of("Basic eDp5"));
    assertThat(HostsTree.of(sets.reversed(), host -> Optional.of("Basic eDp5"))).isEqualTo(tree);
  }

  private static Optional<MirrorSet> set(List<String> words) {
    if (words.size() < 2 || !MirrorSet.isSource(words.get(1))) {
      return Optional.empty();
    }
    List<String> mirrors =
        words.subList(2, words.size()).stream().filter(MirrorSet::isMirror).toList();
    char kind = words.getFirst().charAt(0);
    return Optional.of(
        new MirrorSet(
            Character.toLowerCase(kind) == 'd' ? Kind.DIGEST : Kind.TAG,
            List.of(new MirrorSet.Entry(words.get(1), mirrors, Character.isUpperCase(kind)))));
  }
}
