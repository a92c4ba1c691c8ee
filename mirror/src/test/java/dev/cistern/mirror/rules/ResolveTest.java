package dev.cistern.mirror.rules;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.mirror.rules.RegistriesConf.Registry;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** "Which pull sources a reference has", rule by rule. */
class ResolveTest {
  private static final String DIGEST =
      "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  private static final RegistriesConf NOTHING = RegistriesConfTest.parse("");

  @ParameterizedTest
  @CsvSource({
    "busybox,                    docker.io/library/busybox:latest",
    "busybox:1,                  docker.io/library/busybox:1",
    "org/app,                    docker.io/org/app:latest",
    "docker.io/busybox,          docker.io/library/busybox:latest",
    "index.docker.io/x,          docker.io/library/x:latest",
    "index.docker.io/org/x:v1,   docker.io/org/x:v1",
    "localhost/x,                localhost/x:latest",
    "localhost:5000/x:v1,        localhost:5000/x:v1",
    "host:5000/x,                host:5000/x:latest",
    "Example.com/x,              Example.com/x:latest",
    "quay.io/x,                  quay.io/x:latest",
    "busybox@DIGEST,             docker.io/library/busybox@DIGEST",
    "quay.io/org/x:v1@DIGEST,    quay.io/org/x:v1@DIGEST"
  })
  void aReferenceIsNormalisedFirst(String written, String normal) {
    assertThat(NOTHING.resolve(written.replace("DIGEST", DIGEST)))
        .isEqualTo(
            new Resolution(
                "",
                List.of(
                    new Resolution.Source(
                        normal.replace("DIGEST", DIGEST), Optional.empty(), false, false, false))));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "/",
        "quay.io/",
        "quay.io/UPPER",
        "UPPER",
        "https://quay.io/x",
        "docker://quay.io/x",
        "quay.io//x",
        "quay.io/x:",
        "quay.io/x:-v",
        "quay.io/x@",
        "quay.io/x@sha256:abc",
        "quay.io/x@v1",
        "quay.io:port/x",
        "qu_ay.io/x",
        "-quay.io/x",
        "quay.io/x y",
        "quay.io/x\n",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
      })
  void aMalformedReferenceIsRefusedWithWhatWouldBeRight(String text) {
    assertThatThrownBy(() -> NOTHING.resolve(text))
        .isInstanceOf(RulesException.class)
        .hasMessageStartingWith("not an image reference: ")
        .hasMessageEndingWith("write [HOST[:PORT]/]NAME[:TAG][@DIGEST], without a scheme");
  }

  @ParameterizedTest
  @ValueSource(ints = {300, 1_100, 100_000})
  void aReferenceThatIsTooLongIsRefused(int length) {
    assertThatThrownBy(() -> NOTHING.resolve("a/".repeat(length / 2) + "a"))
        .isInstanceOf(RulesException.class);
  }

  @ParameterizedTest
  @CsvSource({
    "example.com,            example.com/a:v1,                 true",
    "example.com/a,          example.com/a:v1,                 true",
    "example.com/a,          example.com/a@DIGEST,             true",
    "example.com/a,          example.com/a/b:v1,               true",
    "example.com/a,          example.com/ab:v1,                false",
    "example.com/a:v1,       example.com/a:v1,                 true",
    "example.com/a:v1,       example.com/a:v1@DIGEST,          true",
    "example.com/a:v1,       example.com/a:v10,                false",
    "example.com,            example.com:5000/a,               true",
    "example.com,            a.example.com/a,                  false",
    "docker.io/library/a,    a,                                true",
    "docker.io/a,            a,                                false",
    "*.example.com,          a.example.com/x,                  true",
    "*.example.com,          a.b.example.com/x,                true",
    "*.example.com,          a.example.com:5000/x,             true",
    "*.example.com,          example.com/x,                    false",
    "*.example.com,          aexample.com/x,                   false",
    "*.example.com,          quay.io/a.example.com/x,          false",
    "*.example.com,          a.example.com.org/x,              false",
    "*.example.com,          a.example.com.b.example.com/x,    true"
  })
  void whatAPrefixMatches(String prefix, String reference, boolean isMatch) {
    RegistriesConf conf =
        RegistriesConfTest.parse("[[registry]]\nprefix = '" + prefix + "'\nlocation = 'l.io/l'");
    boolean isWildcard = prefix.startsWith("*");
    if (isWildcard) {
      conf = RegistriesConfTest.parse("[[registry]]\nprefix = '" + prefix + "'");
    }

    String text = reference.replace("DIGEST", DIGEST);
    var prefixes = new Prefixes(conf.registries());

    assertThat(prefixes.longest(ImageName.parse(text).text()) != null).isEqualTo(isMatch);
  }

  @ParameterizedTest
  @CsvSource({
    "a.example.com/b/c/d:v1,  a.example.com/b/c",
    "a.example.com/b/x:v1,    a.example.com/b",
    "a.example.com/bc:v1,     *.example.com",
    "z.y.example.com/x:v1,    *.y.example.com",
    "z.example.com/x:v1,      *.example.com",
    "example.com/x:v1,        ''"
  })
  void theLongestPrefixWinsAlone(String reference, String prefix) {
    RegistriesConf conf =
        registries(
            "*.example.com",
            "a.example.com",
            "a.example.com/b",
            "a.example.com/b/c",
            "*.y.example.com");

    assertThat(conf.resolve(reference).prefix()).isEqualTo(prefix);
    assertThat(conf.resolve(reference).sources()).hasSize(1);
  }

  @Test
  void ofTwoPrefixesOfOneLengthTheFirstInBytesWins() {
    RegistriesConf conf = registries("b.example.com", "*.example.com");

    assertThat(conf.resolve("b.example.com/x").prefix()).isEqualTo("*.example.com");
  }

  @Test
  void theTextAfterTheMatchIsAppendedToTheLocation() {
    RegistriesConf conf =
        RegistriesConfTest.parse(
            """
            [[registry]]
            prefix = "example.com/foo"
            location = "internal.example.net/bar"
            [[registry.mirror]]
            location = "mirror-0.local/mirror-for-foo"
            [[registry.mirror]]
            location = "mirror-1.local/mirrors/foo"
            insecure = true
            """);

    assertThat(references(conf, "example.com/foo/image:latest"))
        .containsExactly(
            "mirror-0.local/mirror-for-foo/image:latest",
            "mirror-1.local/mirrors/foo/image:latest",
            "internal.example.net/bar/image:latest");
    assertThat(references(conf, "example.com/foo"))
        .startsWith("mirror-0.local/mirror-for-foo:latest");
    assertThat(conf.resolve("example.com/foo").sources())
        .extracting(Resolution.Source::isInsecure)
        .containsExactly(false, true, false);
    assertThat(conf.resolve("example.com/foo").sources())
        .extracting(Resolution.Source::isMirror)
        .containsExactly(true, true, false);
  }

  @Test
  void aWildcardWithoutLocationLeavesTheReferenceAsItIs() {
    RegistriesConf conf =
        RegistriesConfTest.parse(
            """
            [[registry]]
            prefix = "*.example.com"
            insecure = true
            [[registry.mirror]]
            location = "m.io/copies"
            """);

    assertThat(references(conf, "a.b.example.com/ns/app:v1"))
        .containsExactly("m.io/copies/ns/app:v1", "a.b.example.com/ns/app:v1");
    assertThat(conf.resolve("a.example.com/x").sources())
        .extracting(Resolution.Source::isInsecure)
        .containsExactly(false, true);
  }

  @Test
  void mirrorsByDigestOnlyServeNoTags() {
    RegistriesConf conf =
        RegistriesConfTest.parse(
            """
            [[registry]]
            location = "s.io"
            mirror-by-digest-only = true
            [[registry.mirror]]
            location = "m.io"
            """);

    assertThat(references(conf, "s.io/a:v1")).containsExactly("s.io/a:v1");
    assertThat(references(conf, "s.io/a@" + DIGEST))
        .containsExactly("m.io/a@" + DIGEST, "s.io/a@" + DIGEST);
    assertThat(references(conf, "s.io/a:v1@" + DIGEST)).hasSize(2);
  }

  @ParameterizedTest
  @CsvSource({
    "s.io/a:v1,         absent.io all.io tag.io s.io",
    "s.io/a,            absent.io all.io tag.io s.io",
    "s.io/a@DIGEST,     absent.io all.io digest.io s.io",
    "s.io/a:v1@DIGEST,  absent.io all.io digest.io s.io"
  })
  void aMirrorServesWhatPullFromMirrorSays(String reference, String hosts) {
    RegistriesConf conf =
        RegistriesConfTest.parse(
            """
            [[registry]]
            location = "s.io"
            [[registry.mirror]]
            location = "absent.io"
            [[registry.mirror]]
            location = "all.io"
            pull-from-mirror = "all"
            [[registry.mirror]]
            location = "digest.io"
            pull-from-mirror = "digest-only"
            [[registry.mirror]]
            location = "tag.io"
            pull-from-mirror = "tag-only"
            """);

    assertThat(references(conf, reference.replace("DIGEST", DIGEST)))
        .extracting(source -> source.substring(0, source.indexOf('/')))
        .containsExactly(hosts.split(" ", -1));
    assertThat(conf.resolve("s.io/a:v1").sources())
        .extracting(Resolution.Source::pullFrom)
        .containsExactly(
            Optional.empty(),
            Optional.of(PullFrom.ALL),
            Optional.of(PullFrom.TAG_ONLY),
            Optional.empty());
  }

  @Test
  void whetherASourceIsBlockedIsLookedUpForTheRewrittenReference() {
    RegistriesConf conf =
        RegistriesConfTest.parse(
            """
            [[registry]]
            location = "s.io"
            blocked = true
            [[registry.mirror]]
            location = "m.io"
            [[registry.mirror]]
            location = "bad.io/x"
            [[registry]]
            location = "bad.io"
            blocked = true
            insecure = true
            [[registry]]
            prefix = "moved.io"
            location = "elsewhere.io"
            blocked = true
            """);

    assertThat(conf.resolve("s.io/a").sources())
        .extracting(Resolution.Source::isBlocked)
        .containsExactly(false, true, true);
    assertThat(conf.resolve("s.io/a").sources()).noneMatch(Resolution.Source::isInsecure);
    assertThat(conf.resolve("moved.io/a").sources())
        .extracting(Resolution.Source::isBlocked)
        .containsExactly(false);
  }

  /** The format allows them, but containers/image looks for the repository only. */
  @ParameterizedTest
  @ValueSource(strings = {"s.io/a:v1", "s.io/a@DIGEST", "s.io/a:v1@DIGEST"})
  void entriesForSingleTagsAndDigestsAreNotHeeded(String text) {
    String reference = text.replace("DIGEST", DIGEST);
    RegistriesConf conf =
        RegistriesConfTest.parse(
            """
            [[registry]]
            location = "s.io"
            [[registry]]
            prefix = "%s"
            location = "m.io/b"
            blocked = true
            [[registry]]
            prefix = "moved.io"
            location = "s.io"
            """
                .formatted(reference));

    assertThat(conf.resolve(reference).prefix()).isEqualTo("s.io");
    assertThat(references(conf, reference)).containsExactly(reference);
    assertThat(conf.resolve(reference.replace("s.io", "moved.io")).sources())
        .noneMatch(Resolution.Source::isBlocked);
  }

  @Test
  void whatARuleMakesMalformedIsRefusedWithTheRule() {
    RegistriesConf conf =
        RegistriesConfTest.parse(
            """
            [[registry]]
            location = "s.io"
            [[registry.mirror]]
            location = "m.io/x"
            """);

    assertThatThrownBy(() -> conf.resolve("s.io:5000/a"))
        .isInstanceOf(RulesException.class)
        .hasMessageStartingWith("s.io:5000/a:latest: the entry with the prefix s.io makes of it")
        .hasMessageContaining("m.io/x:5000/a:latest");
  }

  @Test
  void theIndexFindsWhatASearchThroughAllEntriesFinds() {
    var all = new ArrayList<String>();
    for (int i = 0; i < 2_000; i++) {
      all.add("h" + i % 50 + ".example.com" + (i < 50 ? "" : "/p" + i));
    }
    RegistriesConf conf = registries(all.toArray(String[]::new));

    for (int i = 50; i < 2_000; i += 7) {
      assertThat(conf.resolve(all.get(i) + "/app").prefix()).isEqualTo(all.get(i));
      assertThat(conf.resolve(all.get(i) + "x").prefix()).isEqualTo(all.get(i % 50));
    }
  }

  private static RegistriesConf registries(String... prefixes) {
    var registries = new ArrayList<Registry>();
    for (String prefix : prefixes) {
      registries.add(
          new Registry(
              prefix, prefix.startsWith("*") ? "" : prefix, false, false, false, List.of()));
    }
    return new RegistriesConf(List.of(), registries);
  }

  private static List<String> references(RegistriesConf conf, String reference) {
    return conf.resolve(reference).sources().stream().map(Resolution.Source::reference).toList();
  }
}
