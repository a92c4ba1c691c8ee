package dev.cistern.mirror.rules;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.mirror.rules.RegistriesConf.Mirror;
import dev.cistern.mirror.rules.RegistriesConf.Registry;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RegistriesConfTest {
  @Test
  void everyKeyThatMattersIsRead() {
    String toml =
        """
        unqualified-search-registries = ["docker.io", 'quay.io/']
        [[registry]]
        prefix = "example.com/a/"
        location = "internal.example.com:5000/b//"
        blocked = true
        insecure = true
        [[registry.mirror]]
        location = "one.example.com/"
        insecure = true
        pull-from-mirror = "all"
        [[registry.mirror]]
        location = "two.example.com"
        pull-from-mirror = "digest-only"
        [[registry.mirror]]
        location = "three.example.com"
        pull-from-mirror = "tag-only"
        [[registry]]
        prefix = "*.example.com"
        mirror-by-digest-only = true
        [[registry.mirror]]
        location = "four.example.com"
        [[registry]]
        location = "other.example.com"
        """;

    assertThat(parse(toml))
        .isEqualTo(
            new RegistriesConf(
                List.of("docker.io", "quay.io"),
                List.of(
                    new Registry(
                        "example.com/a",
                        "internal.example.com:5000/b",
                        true,
                        true,
                        false,
                        List.of(
                            new Mirror("one.example.com", true, Optional.of(PullFrom.ALL)),
                            new Mirror("two.example.com", false, Optional.of(PullFrom.DIGEST_ONLY)),
                            new Mirror(
                                "three.example.com", false, Optional.of(PullFrom.TAG_ONLY)))),
                    new Registry(
                        "*.example.com",
                        "",
                        false,
                        false,
                        true,
                        List.of(new Mirror("four.example.com", false, Optional.empty()))),
                    new Registry(
                        "other.example.com",
                        "other.example.com",
                        false,
                        false,
                        false,
                        List.of()))));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        // Each file of the specification's list, then wrong types and missing keys.
        "registry[0].mirror[0].pull-from-mirror | the registry has mirror-by-digest-only = true"
            + "| [[registry]];location='a.b';mirror-by-digest-only=true"
            + ";[[registry.mirror]];location='m';pull-from-mirror='all'",
        "registry[0].mirror[1].pull-from-mirror | is not one of all, digest-only, tag-only"
            + "| [[registry]];location='a.b';[[registry.mirror]];location='m'"
            + ";[[registry.mirror]];location='n';pull-from-mirror='digests'",
        "registry[0].pull-from-mirror | belongs to a mirror"
            + "| [[registry]];location='a.b';pull-from-mirror='all'",
        "registry[0].location | has a scheme | [[registry]];location='https://a.b'",
        "registry[0].prefix | has a scheme | [[registry]];location='a.b';prefix='http://a.b'",
        "registry[0].mirror[0].location | has a scheme"
            + "| [[registry]];location='a.b';[[registry.mirror]];location='http://m'",
        "registry[1].blocked | write the same in all entries"
            + "| [[registry]];location='a.b';[[registry]];location='a.b';prefix='c.d';blocked=true",
        "registry[1].insecure | write the same in all entries"
            + "| [[registry]];location='a.b';insecure=true;[[registry]];location='a.b/'",
        "registry[0].prefix | without port and path | [[registry]];prefix='*.a.b:5000'",
        "registry[0].prefix | without port and path | [[registry]];prefix='*.a.b/c'",
        "registry[0].prefix | without port and path | [[registry]];prefix='a.*.b';location='a.b'",
        "registry[0].prefix | without port and path | [[registry]];prefix='*.'",
        "registry[0].location | a wildcard is a prefix | [[registry]];location='*.a.b'",
        "registry[0].mirror[0].location | without a wildcard"
            + "| [[registry]];location='a.b';[[registry.mirror]];location='*.m'",
        "registry[0] | neither prefix nor location | [[registry]];blocked=true",
        "registry[0].location | only a prefix of the form *.host | [[registry]];prefix='a.b'",
        "registry[0].mirror[0].location | it is missing"
            + "| [[registry]];location='a.b';[[registry.mirror]];insecure=true",
        "registry[0].location | it is empty | [[registry]];location='/'",
        "registry[0].location | a text in quotes | [[registry]];location=5",
        "registry[0].blocked | true or false | [[registry]];location='a.b';blocked='yes'",
        "registry | each headed by [[registry]] | [registry];location='a.b'",
        "registry[0] | a table is wanted | registry=['a.b']",
        "registry[0].mirror | each headed by [[registry.mirror]]"
            + "| [[registry]];location='a.b';mirror='m'",
        "unqualified-search-registries | an array of hosts"
            + "| unqualified-search-registries='docker.io'",
        "unqualified-search-registries[1] | is not a host: write host[:port]"
            + "| unqualified-search-registries=['docker.io','quay.io/org']",
        "unqualified-search-registries[0] | a text in quotes | unqualified-search-registries=[1]",
        "short-name-mode | enforcing, permissive, disabled | short-name-mode='sometimes'",
        "registries | version 2 is wanted | [registries.search];registries=['docker.io']",
        "registries | version 2 is wanted | [registries.block];registries=['docker.io']"
      })
  void aFileThatIsRefusedIsToldWhatWouldBeRight(String field, String advice, String toml) {
    assertThatThrownBy(() -> parse(toml.replace(';', '\n')))
        .isInstanceOf(RulesException.class)
        .hasMessageStartingWith("registries.conf: " + field + ": ")
        .hasMessageContaining(advice);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[[registry]]\nlocation = \"a.b",
        "[[registry]]\nlocation = \"a.b\"\nlocation = \"c.d\"",
        "[[registry\nlocation = \"a.b\""
      })
  void whatIsNotTomlIsRefusedWithTheLine(String toml) {
    assertThatThrownBy(() -> parse(toml))
        .isInstanceOf(RulesException.class)
        .hasMessageMatching("(?s)registries.conf: line [123]: not TOML: .*");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "a=           | [   | ",
        "a=           | {b= | ",
        "unqualified-search-registries=[' | a. | a']",
        "[[registry]];location=' | a/ | *'",
        "[[registry]];location=' | a | *'"
      })
  void whatIsTooLongOrTooDeepIsRefusedToo(String begin, String middle, String end) {
    String toml = begin.replace(';', '\n') + middle.repeat(50_000) + (end == null ? "" : end);

    assertThatThrownBy(() -> parse(toml)).isInstanceOf(RulesException.class);
  }

  @Test
  void aFileThatIsTooLargeIsRefusedWithWhatWouldBeRight() {
    String rest = "#".repeat((1 << 20) - "a=1\n".length());
    assertThat(parse("a=1\n" + rest).registries()).isEmpty();
    assertThatThrownBy(() -> parse("a=1\n" + rest + "#"))
        .isInstanceOf(RulesException.class)
        .hasMessage(
            "registries.conf: it has 1048577 characters, and 1048576 are the most that are read:"
                + " one entry for a registry or a namespace does for all below it");
  }

  @Test
  void deepKeysThatDoNotMatterAreLeftAloneOrRefused() {
    try {
      assertThat(parse("a" + ".a".repeat(50_000) + " = 1").registries()).isEmpty();
    } catch (RulesException e) {
      assertThat(e).hasMessageContaining("not TOML");
    }
  }

  @Test
  void keysThatDoNotMatterForWhereImagesComeFromAreLeftAlone() {
    String toml =
        """
        short-name-mode = "permissive"
        credential-helpers = ["pass"]
        additional-layer-store-auth-helper = "helper"
        [aliases]
        "fedora" = "registry.fedoraproject.org/fedora"
        """;

    assertThat(parse(toml)).isEqualTo(new RegistriesConf(List.of(), List.of()));
  }

  @Test
  void ofSeveralEntriesWithOnePrefixTheFirstCounts() {
    String toml =
        """
        [[registry]]
        prefix = "a.b"
        location = "first.example.com"
        [[registry]]
        prefix = "a.b"
        location = "second.example.com"
        blocked = true
        """;

    assertThat(parse(toml).registries())
        .extracting(Registry::location)
        .containsExactly("first.example.com");
  }

  @Test
  void anEntryOfADropInReplacesTheOneWithItsPrefix() {
    RegistriesConf main =
        parse(
            """
            unqualified-search-registries = ["docker.io"]
            [[registry]]
            location = "a.b"
            blocked = true
            [[registry]]
            location = "c.d"
            """);
    RegistriesConf dropIn =
        parse(
            """
            [[registry]]
            prefix = "a.b"
            location = "e.f"
            [[registry]]
            location = "g.h"
            """);

    RegistriesConf merged = main.with(dropIn);

    assertThat(merged.searchRegistries()).containsExactly("docker.io");
    assertThat(merged.registries())
        .extracting(Registry::location)
        .containsExactly("e.f", "c.d", "g.h");
    assertThat(merged.registries()).noneMatch(Registry::isBlocked);
  }

  @Test
  void theSearchRegistriesOfADropInReplaceTheOthers() {
    RegistriesConf main = parse("unqualified-search-registries = [\"docker.io\", \"quay.io\"]");
    RegistriesConf dropIn = parse("unqualified-search-registries = [\"example.com\"]");

    assertThat(main.with(dropIn).searchRegistries()).containsExactly("example.com");
    assertThat(dropIn.with(parse("")).searchRegistries()).containsExactly("example.com");
  }

  @Test
  void theFileIsWrittenWithoutWhatNeedNotBeSaid() {
    var conf =
        new RegistriesConf(
            List.of("docker.io"),
            List.of(
                new Registry(
                    "a.b/c/",
                    "a.b/c/",
                    true,
                    true,
                    false,
                    List.of(
                        new Mirror("m.n/o/", true, Optional.of(PullFrom.DIGEST_ONLY)),
                        new Mirror("p.q", false, Optional.empty()))),
                new Registry("*.x.y", "", false, false, true, List.of()),
                new Registry("e.f", "g.h", false, false, false, List.of())));

    assertThat(conf.toToml())
        .isEqualTo(
            """
            # Generated by Cistern: change what it is made from instead.
            unqualified-search-registries = ["docker.io"]

            [[registry]]
              location = "a.b/c"
              blocked = true
              insecure = true

              [[registry.mirror]]
                location = "m.n/o"
                insecure = true
                pull-from-mirror = "digest-only"

              [[registry.mirror]]
                location = "p.q"

            [[registry]]
              prefix = "*.x.y"
              mirror-by-digest-only = true

            [[registry]]
              prefix = "e.f"
              location = "g.h"
            """);
    assertThat(parse(conf.toToml())).isEqualTo(conf);
  }

  @Test
  void stringsAreEscaped() {
    var odd = "quote\" backslash\\ line\n tab\t delete\u007f nul\0 \u00e4\u20ac\ud83d\ude00";
    var conf =
        new RegistriesConf(
            List.of(), List.of(new Registry(odd, "a.b", false, false, false, List.of())));

    assertThat(parse(conf.toToml())).isEqualTo(conf);
    assertThat(conf.toToml()).contains("\\\"", "\\\\", "\\u000a", "\\u007f");
  }

  static RegistriesConf parse(String toml) {
    return RegistriesConf.parse(toml, "registries.conf");
  }
}
